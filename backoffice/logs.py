"""How the log is written: a line for people or, with `LOG_FORMAT=json`, an object for machines; secrets masked in both.

Both tell the id of the request or round that a record belongs to (see trace.py). What gunicorn logs: gunicorn_log.py.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from backoffice import trace
from backoffice.secrets import RedactingFormatter, redacted

# What records may carry besides their text. Django's carry whole requests, which are not for a log.
FIELDS = ("method", "path", "status", "status_code", "duration_ms", "bytes", "client", "agent", "remote")


class LineFormatter(RedactingFormatter):
    """A line of text, with the id in brackets where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        current = _trace_of(record)
        record.mark = f" [{current}]" if current else ""
        return super().format(record)


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """An object a line: timestamp, level, logger, event, trace, thread, process; `exception` with the traceback."""

    def __init__(self) -> None:
        super().__init__(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(allow=FIELDS),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                _add_origin,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=json.dumps, ensure_ascii=False, default=str),
            ],
            use_get_message=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def _add_origin(logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    record: logging.LogRecord = event["_record"]
    if current := _trace_of(record):
        event["trace"] = current
    event["thread"], event["process"] = record.threadName, record.process
    return event


def _trace_of(record: logging.LogRecord) -> str:
    """The access log is written when its request is over, so it brings the id along."""
    return getattr(record, "trace", "") or trace.current()
