"""Imports as a browser makes them: upload, choose columns, look, confirm."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from openpyxl import Workbook, load_workbook

from backoffice.transfer.models import Import

GOODS = "/admin/catalog/good/"


def as_csv(rows: list[list[Any]], delimiter: str = ";", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def as_xlsx(rows: Sequence[Sequence[Any]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def upload(browser: Browser, data: bytes, name: str = "file.csv", page: str = GOODS) -> Any:
    return browser.post(f"{page}import/", {"file": SimpleUploadedFile(name, data)})


def run_of(answer: Any) -> Import:
    assert answer.status_code == 302, answer.context["form"].errors
    return Import.objects.get(pk=int(answer["Location"].rstrip("/").rpartition("/")[2]))


def checked(browser: Browser, rows: list[list[Any]] | bytes, page: str = GOODS, **options: Any) -> Import:
    """An import whose columns were taken as they were guessed."""
    data = rows if isinstance(rows, bytes) else as_csv(rows)
    run = run_of(upload(browser, data, page=page))
    columns = {f"column-{index}": name for index, name in enumerate(run.mapping)}
    answer = browser.post(f"{page}import/{run.pk}/", {"step": "mapping", "mode": "all", **columns, **options})
    assert answer.status_code == 302
    run.refresh_from_db()
    return run


def imported(browser: Browser, rows: list[list[Any]] | bytes, page: str = GOODS, **options: Any) -> Import:
    run = checked(browser, rows, page, **options)
    browser.post(f"{page}import/{run.pk}/", {"step": "confirm"})
    run.refresh_from_db()
    return run


def counts(run: Import) -> tuple[int, ...]:
    """new, changed, same, skipped, failed"""
    return run.new_count, run.changed_count, run.same_count, run.skipped_count, run.failed_count


def errors(run: Import) -> dict[int, str]:
    return dict(run.failed.values_list("number", "error"))


def exported(browser: Browser, page: str, kind: str = "xlsx", query: str = "", **fields: Any) -> bytes:
    """The file that the export page gives with all columns that it offers."""
    shown = browser.get(f"{page}export/{query}")
    assert shown.status_code == 200
    columns = [column.name for column in shown.context["columns"]]
    answer = browser.post(f"{page}export/{query}", {"kind": kind, "column": columns, **fields})
    assert answer.status_code == 200
    return b"".join(answer)


def rows_of(data: bytes) -> list[list[Any]]:
    return [list(row) for row in load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)]
