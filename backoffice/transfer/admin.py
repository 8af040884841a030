"""The pages of an import, below the list of what is imported: choose a file, match its columns, see what would happen,
confirm, see what happened, fetch the rows that failed.

Each step is a POST to the page of the import, which then shows the next one. What is long is carried out by the worker
while the page watches; what is short is carried out at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone, translation
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from backoffice import spreadsheets
from backoffice.sync import lease, personal, tables
from backoffice.sync.cells import as_text
from backoffice.sync.models import Worker
from backoffice.transfer import matching, reading, running
from backoffice.transfer.models import FailedRow, Import, ImportFile
from backoffice.transfer.table import ImportTable, Kind

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

AT_ONCE = 100_000  # bytes of a file that a request carries out itself; a longer one is the worker's
SILENT = 60  # seconds without a sign of life of any worker
RECENT = 10
KINDS = {
    Kind.NEW: gettext_lazy("New ones"),
    Kind.CHANGED: gettext_lazy("Changed"),
    Kind.SAME: gettext_lazy("Unchanged"),
    Kind.SKIPPED: gettext_lazy("Skipped"),
    Kind.FAILED: gettext_lazy("With errors"),
}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File (CSV or XLSX)"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.xlsm"}),
    )

    def __init__(self, *args: Any, table: ImportTable, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        upload = values.get("file")
        if upload is None:
            return values
        try:
            if upload.size > reading.MAX_BYTES:
                limit = {"limit": reading.MAX_BYTES // 1024**2}
                raise reading.Unreadable(_("The file is larger than %(limit)d MB.") % limit)
            values["data"] = upload.read()
            values["head"] = reading.head(values["data"], lambda header: matching.score(self.table, header))
        except reading.Unreadable as error:
            self.add_error("file", str(error))
        return values


class ImportMixin(Base):
    """Gives a list the pages of an import. Its model has an `ImportTable`."""

    @cached_property
    def table(self) -> ImportTable:
        table = tables.of(self.model)
        assert isinstance(table, ImportTable), self.model
        return table

    def may_import(self, request: HttpRequest) -> bool:
        """Who sees masks imports nothing into columns that have them, nor opens what others import: a worker, for whom
        nothing is masked, checks a long file, and its preview tells what was there before.
        """
        may_change = self.has_add_permission(request) and self.has_change_permission(request)
        return may_change and not personal.is_masked(self.model)

    def get_urls(self) -> list[Any]:
        wrap, prefix = self.admin_site.admin_view, f"{self.model._meta.app_label}_{self.model._meta.model_name}"
        return [
            path("import/", wrap(self.import_view), name=f"{prefix}_import"),
            path("import/<int:pk>/", wrap(self.import_run_view), name=f"{prefix}_import_run"),
            path("import/<int:pk>/failed/", wrap(self.import_failed_view), name=f"{prefix}_import_failed"),
            *super().get_urls(),
        ]

    def _import_url(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_{name}", args=args)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"import_url": self._import_url("import")} if self.may_import(request) else {}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    # choosing a file

    def import_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may_import(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None, table=self.table)
        if request.method == "POST" and form.is_valid():
            run = self._import_start(request, form.cleaned_data)
            return HttpResponseRedirect(self._import_url("import_run", run.pk))
        runs = Import.objects.filter(table=self.table.name, user=request.user.pk).order_by("-id")[:RECENT]
        context = {
            "form": form,
            "columns": self.table.imported,
            "keys": self._import_keys(self.table.keys),
            "runs": [(run, self._import_url("import_run", run.pk)) for run in runs],
            "limits": {"bytes": reading.MAX_BYTES // 1024**2, "rows": reading.MAX_ROWS},
            "back": self._import_url("changelist"),
        }
        return self._import_page(request, "admin/transfer/upload.html", context)

    def _import_start(self, request: HttpRequest, values: dict[str, Any]) -> Import:
        head = values["head"]
        run = Import.objects.create(
            table=self.table.name,
            file_name=spreadsheets.clean(values["file"].name)[-255:],
            language=translation.get_language() or "ru",
            header=head.titles,
            header_row=head.row,
            samples=[[as_text(cell)[:80] for cell in row] for row in head.samples],
            mapping=matching.proposed(self.table, head.titles, request.user),
            user_id=request.user.pk,
        )
        ImportFile.objects.create(run=run, data=values["data"])
        running.keep_newest(request.user.pk)
        return run

    def _import_keys(self, keys: Any) -> list[str]:
        return [" + ".join(str(self.table.column(name)) for name in key) for key in keys]

    def _import_page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        common = {**self.admin_site.each_context(request), "opts": self.model._meta}
        title = _("Import: %(what)s") % {"what": self.table.title}
        return TemplateResponse(request, template, {**common, "title": title, **context})

    # the page of an import

    def import_run_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = self._import_run(request, pk)
        if request.method == "POST":
            step = {
                "mapping": self._import_mapped,
                "confirm": self._import_confirmed,
                "again": self._import_again,
                "cancel": self._import_cancelled,
            }
            return step.get(request.POST.get("step", ""), self._import_nothing)(request, run)
        context: dict[str, Any] = {
            "run": run,
            "list_url": self._import_url("changelist"),
            "upload_url": self._import_url("import"),
        }
        if run.state == Import.State.MAPPING:
            context |= {
                "columns": self._import_choices(run),
                "modes": Import.Mode.choices,
                "keys": self._import_keys(self.table.keys),
            }
            return self._import_page(request, "admin/transfer/mapping.html", context)
        context |= {
            "is_moving": run.state in Import.MOVING,
            "is_checked": run.state == Import.State.CHECKED,
            "is_over": run.state in (Import.State.DONE, Import.State.FAILED),
            "done": min(run.read, run.total or 0),
            "is_worker_silent": run.state in Import.MOVING and not _is_worker_there(),
            "figures": [(KINDS[kind], getattr(run, name), kind) for kind, name in running.COUNTS.items()],
            "groups": self._import_groups(run),
            "may_confirm": self._import_may_confirm(run),
            "failed_url": self._import_url("import_failed", run.pk) if run.failed_count else "",
            "run_url": self._import_url("import_run", run.pk),
            "upload_url": self._import_url("import"),
        }
        return self._import_page(request, "admin/transfer/run.html", context)

    def _import_run(self, request: HttpRequest, pk: int) -> Import:
        if not self.may_import(request):
            raise PermissionDenied
        return get_object_or_404(Import, pk=pk, table=self.table.name)

    def _import_may_confirm(self, run: Import) -> bool:
        if run.state != Import.State.CHECKED or (run.is_whole and run.failed_count):
            return False
        return bool(run.new_count or run.changed_count)

    def _import_choices(self, run: Import) -> list[dict[str, Any]]:
        return [
            {
                "index": index,
                "title": title or _("column %(number)d") % {"number": index + 1},
                "samples": [row[index] for row in run.samples if index < len(row) and row[index]][:3],
                "chosen": run.mapping[index],
                "options": [(column.name, str(column), column.required) for column in self.table.imported],
            }
            for index, title in enumerate(run.header)
        ]

    def _import_groups(self, run: Import) -> list[dict[str, Any]]:
        groups = []
        for kind in (Kind.FAILED, Kind.NEW, Kind.CHANGED, Kind.SKIPPED):
            rows = [self._import_shown(item) for item in run.shown if item["kind"] == kind]
            if rows:
                count = getattr(run, running.COUNTS[kind])
                groups.append({"kind": kind, "title": KINDS[kind], "rows": rows, "more": count - len(rows)})
        return groups

    def _import_shown(self, item: dict[str, Any]) -> dict[str, Any]:
        def title(name: str) -> str:
            return str(self.table.column(name)) if name else ""

        return {
            **item,
            "key": " + ".join(title(name) for name in item["key"]),
            "changes": [(title(name), before, after) for name, before, after in item["changes"]],
            "errors": [(number, title(name), text) for number, name, text in item["errors"]],
        }

    # its steps

    def _import_nothing(self, request: HttpRequest, run: Import) -> HttpResponse:
        return HttpResponseRedirect(self._import_url("import_run", run.pk))

    def _import_mapped(self, request: HttpRequest, run: Import) -> HttpResponse:
        """The columns are chosen: check the file."""
        known = {column.name for column in self.table.imported}
        mapping = [request.POST.get(f"column-{index}", "") for index in range(len(run.header))]
        mapping = [name if name in known else "" for name in mapping]
        if errors := self._import_wrong(mapping):
            Import.objects.filter(pk=run.pk, state=Import.State.MAPPING).update(mapping=mapping)
            for text in errors:
                messages.error(request, text)
            return self._import_nothing(request, run)
        matching.remember(self.table, run.header, mapping, request.user)
        values = {
            "mapping": mapping,
            "mode": next((mode for mode in Import.Mode.values if mode == request.POST.get("mode")), Import.Mode.ALL),
            "clears": "clears" in request.POST,
            "is_whole": "is_whole" in request.POST,
        }
        return self._import_move(request, run, Import.State.MAPPING, Import.State.CHECKING, values)

    def _import_wrong(self, mapping: list[str]) -> list[str]:
        text = _("“%(column)s” is chosen for several columns.")
        twice = [name for name, count in Counter(filter(None, mapping)).items() if count > 1]
        errors = [text % {"column": self.table.column(name)} for name in twice]
        if not self.table.usable_keys(set(filter(None, mapping))):
            keys = "; ".join(self._import_keys(self.table.keys))
            errors.append(_("Choose a column that tells which row is meant: %(keys)s.") % {"keys": keys})
        return errors

    def _import_confirmed(self, request: HttpRequest, run: Import) -> HttpResponse:
        if not self._import_may_confirm(run):
            return self._import_nothing(request, run)
        return self._import_move(request, run, Import.State.CHECKED, Import.State.WRITING, {"user": request.user})

    def _import_again(self, request: HttpRequest, run: Import) -> HttpResponse:
        """Back to the columns."""
        Import.objects.filter(pk=run.pk, state=Import.State.CHECKED).update(state=Import.State.MAPPING)
        return self._import_nothing(request, run)

    def _import_cancelled(self, request: HttpRequest, run: Import) -> HttpResponse:
        """Forget the file. What is being written is not stopped half-way."""
        waiting = (Import.State.MAPPING, Import.State.CHECKED)
        if Import.objects.filter(pk=run.pk, state__in=waiting).delete()[0]:
            messages.info(request, _("Nothing was imported."))
        return HttpResponseRedirect(self._import_url("changelist"))

    def _import_move(
        self, request: HttpRequest, run: Import, before: str, after: str, values: dict[str, Any]
    ) -> HttpResponse:
        """On to the next state, from the first row; by one of two people who press the same button."""
        values |= {"state": after, "read": 0, "shown": [], "due_at": timezone.now(), "error": ""}
        values |= dict.fromkeys(running.COUNTS.values(), 0)
        if Import.objects.filter(pk=run.pk, state=before).update(**values):
            FailedRow.objects.filter(run=run).delete()
            self._import_at_once(run)
        return self._import_nothing(request, run)

    def _import_at_once(self, run: Import) -> None:
        data = ImportFile.objects.filter(run=run).values_list("data", flat=True).first()
        if data is not None and len(data) <= AT_ONCE:
            try:
                running.carry_out(Import.objects.filter(pk=run.pk), lease.owner("import"))
            except OperationalError:
                running.log.warning("import %s is left to the worker", run.pk, exc_info=True)

    # the rows that failed

    def import_failed_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        run = self._import_run(request, pk)
        width = len(run.header)

        def rows() -> Iterator[list[Any]]:
            failed = FailedRow.objects.filter(run=run).order_by("number").values_list("cells", "error")
            for cells, error in failed.iterator(chunk_size=500):
                yield [*(cell if cell != "" else None for cell in (cells + [""] * width)[:width]), error]

        kind = spreadsheets.CSV if request.GET.get("kind") == spreadsheets.CSV else spreadsheets.XLSX
        name = f"{run.file_name.rpartition('.')[0] or run.file_name} – {_('errors')}"
        return spreadsheets.response(name, [*run.header, _("error")], rows(), kind)


def _is_worker_there() -> bool:
    since = timezone.now() - timedelta(seconds=SILENT)
    return Worker.objects.filter(beat_at__gt=since, stopped_at=None).exists()
