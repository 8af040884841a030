"""Types of what commands take: each refuses in a sentence what would end in an error of Python or of the database."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date, datetime

from django.utils.dateparse import parse_date

from backoffice.sync import pull
from backoffice.values import YEARS, whole_number

MOST_DAYS = 36500


def days(text: str) -> int:
    """How many days."""
    number = whole_number(text)
    if number is None or not 1 <= number <= MOST_DAYS:
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 to {MOST_DAYS}")
    return number


def day(text: str) -> date:
    """A day that something can be of."""
    try:
        found = parse_date(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: {error}") from error
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no date (2026-07-01)")
    _check_year(found, text)
    return found


def moment(text: str) -> datetime:
    """A moment, or the start of a day, in local time unless it says otherwise."""
    try:
        found = pull.parse_since(text)
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(str(error)) from error
    _check_year(found, text)
    return found


def _check_year(found: date, text: str) -> None:
    """As `values.check_day`, in English as all that commands say."""
    if found.year not in YEARS:
        raise ArgumentTypeError(f"{text!r} is not in the years {YEARS[0]} to {YEARS[-1]}")
