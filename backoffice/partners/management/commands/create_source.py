"""`manage.py create_source`: a partner's resource and a token for it."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import transaction
from django.utils import timezone

from backoffice import arguments
from backoffice.partners.models import Scope, Source, Token

DEFAULT_SCOPES = "orders, clients, catalogue:read"
EXAMPLE = "  manage.py create_source 'Tea shop' --scopes orders,clients --networks 203.0.113.0/24 --valid-days 365"


class Command(BaseCommand):
    help = (
        "Create a source (a shop, an ERP or a site module that uses the API under /api/v1/) and a token for it.\n"
        "The token is the last line of the output, alone; it is shown this once and cannot be read again.\n\n"
        "A source that exists already gets one more token, so that a partner can change over without a break; revoke\n"
        "the old one in the admin. What else is given (scopes, rate, networks) then replaces what the source has."
    )

    @no_translations
    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        scopes = "".join(f"  {scope.value:<16} {scope.label}\n" for scope in Scope)
        epilog = f"scopes:\n{scopes}\nexample:\n{EXAMPLE}"
        return super().create_parser(
            prog_name, subcommand, epilog=epilog, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("title", metavar="TITLE", help="what people call it; unique")
        parser.add_argument(
            "--scopes",
            metavar="SCOPES",
            help=f"what it may do, with commas between; orders means both of orders, all means all; "
            f"of a new source when omitted: {DEFAULT_SCOPES}",
        )
        parser.add_argument(
            "--rate", type=int, metavar="N", help="requests a minute at most; 0: no limit (default 3000)"
        )
        parser.add_argument(
            "--networks",
            nargs="+",
            metavar="CIDR",
            help="where its requests may come from, such as 203.0.113.0/24 198.51.100.7 (default: anywhere)",
        )
        parser.add_argument(
            "--valid-days", type=arguments.days, metavar="N", help="days until the token expires (default: never)"
        )
        parser.add_argument("--label", default="", help="what the token is for, such as the name of a server")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        days: int | None = options["valid_days"]
        expires_at = None if days is None else timezone.now() + timedelta(days=days)
        with transaction.atomic():
            source, lines = _settle(options)
            token = Token(source=source, label=options["label"])
            _check(token, exclude=("source", "digest", "prefix"))
            token, text = Token.make(source, label=options["label"], expires_at=expires_at)
        for line in lines:
            self.stdout.write(line)
        until = f"valid until {timezone.localtime(expires_at):%Y-%m-%d %H:%M}" if expires_at else "valid for ever"
        self.stdout.write(f"New token {token}, {until}:")
        self.stdout.write(text)


def _settle(options: dict[str, Any]) -> tuple[Source, list[str]]:
    """The source as it was asked for, saved, and what became of it in lines for people."""
    title = options["title"].strip()
    source = Source.objects.select_for_update().filter(title=title).first()
    is_new = source is None
    source = source or Source(title=title)
    given = options["scopes"] if options["scopes"] is not None or not is_new else DEFAULT_SCOPES
    changed = {
        name: value
        for name, value in (
            ("scopes", None if given is None else _scopes(given)),
            ("rate_limit", options["rate"]),
            ("allowed_networks", None if options["networks"] is None else _networks(options["networks"])),
        )
        if value is not None and value != getattr(source, name)
    }
    for name, value in changed.items():
        setattr(source, name, value)
    _check(source)
    source.save()
    if is_new:
        return source, [f"Source {title!r} is created.", *(_says(source, name) for name in _SAYS)]
    lines = [f"Source {title!r} exists already ({_tokens(source)}); it gets one more."]
    lines += [f"Changed: {_says(source, name)}" for name in changed]
    if not source.is_active:
        lines.append("It is inactive: the API refuses it until it is made active in the admin.")
    return source, lines


def _scopes(text: str) -> list[str]:
    try:
        scopes = Scope.parse(text)
    except ValueError as error:
        raise CommandError(f"--scopes: {error}") from error
    if not scopes:
        raise CommandError(f"--scopes names none; there are: all, {', '.join(Scope.values)}")
    return scopes


def _networks(words: list[str]) -> str:
    return "\n".join(" ".join(words).replace(",", " ").split())


def _check(row: Source | Token, exclude: tuple[str, ...] = ()) -> None:
    options = {"title": "TITLE", "rate_limit": "--rate", "allowed_networks": "--networks", "label": "--label"}
    try:
        row.full_clean(exclude=exclude)
    except ValidationError as error:
        problems = [f"{options.get(name, name)}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
        raise CommandError("; ".join(problems)) from error


_SAYS = {
    "scopes": lambda source: f"scopes: {', '.join(source.scopes)}",
    "rate_limit": lambda source: f"requests a minute: {source.rate_limit or 'no limit'}",
    "allowed_networks": lambda source: f"networks: {', '.join(source.allowed_networks.split()) or 'anywhere'}",
}


def _says(source: Source, name: str) -> str:
    return _SAYS[name](source)


def _tokens(source: Source) -> str:
    count = source.tokens.valid().count()
    return "1 valid token" if count == 1 else f"{count} valid tokens"
