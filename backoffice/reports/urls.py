"""The addresses of reports."""

from django.urls import path

from backoffice.reports import cash, courier_day, subscriptions, views

urlpatterns = [
    path("", views.menu, name="reports"),
    path("cash/", cash.couriers, name="report-cash"),
    path("cash/<int:courier>/", cash.one, name="report-cash-courier"),
    path("cash/<int:courier>/export/<slug:kind>/", cash.export_one, name="report-cash-courier-export"),
    path("couriers/<int:pk>/", courier_day.choose, name="courier-days"),
    path("couriers/<int:pk>/<str:day>/", courier_day.page, name="courier-day"),
    path("mails/", subscriptions.mails, name="report-mails"),
    path("mails/<int:pk>/delete/", subscriptions.unsubscribe, name="report-unsubscribe"),
    path("<slug:name>/", views.page, name="report"),
    path("<slug:name>/export/<slug:kind>/", views.export, name="report-export"),
    path("<slug:name>/views/", views.save_view, name="report-save-view"),
    path("<slug:name>/views/<int:pk>/delete/", views.delete_view, name="report-delete-view"),
    path("<slug:name>/mails/", subscriptions.subscribe, name="report-subscribe"),
]
