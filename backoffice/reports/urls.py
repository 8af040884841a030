"""The addresses of reports."""

from django.urls import path

from backoffice.reports import views

urlpatterns = [
    path("", views.menu, name="reports"),
    path("<slug:name>/", views.page, name="report"),
    path("<slug:name>/export/<slug:kind>/", views.export, name="report-export"),
    path("<slug:name>/views/", views.save_view, name="report-save-view"),
    path("<slug:name>/views/<int:pk>/delete/", views.delete_view, name="report-delete-view"),
]
