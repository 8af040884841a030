"""The rows that carry changes between our tables and the remotes.

Push is the outbox, Sent what an attempt told a remote, Callback the inbox, Pull one run of reading, Schedule when
something is due, Exchange the log of HTTP, RemoteState what all workers know of a remote, Turn when something was asked
last, Worker who is alive, Presence who has a form open, DictionaryEntry the remote's names for its codes. What a
mirrored row itself carries is in `mirrored.py`.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice import trace
from backoffice.secrets import EncryptedTextField
from backoffice.sync import titles
from backoffice.sync.personal import PersonalCharField, SaidCharField, SaidTextField


def trace_field() -> models.CharField:
    """The id of the request, or of a worker's round, in which a row was written (see `backoffice/trace.py`).

    The database has a default too: a process of the release before, which knows no such column, writes on meanwhile.
    """
    return models.CharField(
        _("request id"), max_length=trace.LENGTH, blank=True, default=trace.current, db_default="", editable=False
    )


class Leased(models.Model):
    """A row that one worker at a time may hold. The lease ends a crash: whoever finds it expired may take the row."""

    due_at = models.DateTimeField(_("due"), default=timezone.now)
    lease_owner = models.CharField(_("held by"), max_length=120, blank=True, editable=False)
    lease_until = models.DateTimeField(_("held until"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class Push(Leased):
    """One change on its way to a remote. It holds no payload, unless it is a command: the row is read when it is sent.

    `open_key` is unique while the push is open, so that an object has one open push for a remote; `change` is renewed
    by each further
    edit, and only the push whose token did not move while it was in the air is done.
    """

    class Action(models.TextChoices):
        SAVE = "save", _("Save")
        DELETE = "delete", _("Delete")
        COMMAND = "command", _("Command")

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        WAITING = "waiting", _("Waiting for another object")
        REFUSED = "refused", _("Refused")
        UNKNOWN = "unknown", _("Answer lost")
        DONE = "done", _("Done")

    OPEN = (State.QUEUED, State.WAITING, State.REFUSED, State.UNKNOWN)

    remote = models.CharField(_("remote"), max_length=20, default="ireca")
    entity = models.CharField(_("entity"), max_length=40)
    action = models.CharField(_("action"), max_length=20, choices=Action, default=Action.SAVE)
    command = models.CharField(_("command"), max_length=40, blank=True)
    object_id = models.BigIntegerField(_("object"), null=True, blank=True)
    remote_id = models.CharField(_("remote id"), max_length=191, blank=True)
    # Of a command what is to be told; else what was told without an answer (`unanswered.py`).
    payload = models.JSONField(_("payload"), null=True, blank=True)
    open_key = models.CharField(max_length=100, unique=True, null=True, editable=False)
    change = models.UUIDField(default=uuid.uuid4, editable=False)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.QUEUED)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = SaidTextField(_("error"), blank=True)
    waits_for = SaidCharField(_("waits for"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    changed_at = models.DateTimeField(_("last change"), default=timezone.now)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    trace = trace_field()  # of the latest change that it carries

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        indexes = [
            models.Index(
                fields=["remote", "entity", "due_at"], name="push_due", condition=Q(state__in=("queued", "waiting"))
            ),
            models.Index(fields=["state", "changed_at"], name="push_state"),
            models.Index(fields=["entity", "object_id"], name="push_object"),
            # a month of them, for reports
            models.Index(fields=["created_at"], name="push_created"),
            models.Index(fields=["lease_owner"], name="push_lease", condition=~Q(lease_owner="")),
            # what was done lately, without a look at the rows
            models.Index(fields=["done_at", "remote", "entity"], name="push_done", condition=Q(done_at__isnull=False)),
            models.Index(fields=["trace"], name="push_trace", condition=~Q(trace="")),
        ]

    def __str__(self) -> str:
        return titles.object_title(self.entity, self.remote_id or str(self.object_id))

    @staticmethod
    def key(remote: str, entity: str, object_id: int) -> str:
        return f"{remote}:{entity}:{object_id}"


class Callback(Leased):
    """What a remote posted to us, stored raw and untrusted before it is processed."""

    class State(models.TextChoices):
        NEW = "new", _("New")
        DONE = "done", _("Processed")
        FAILED = "failed", _("Failed")

    remote = models.CharField(_("remote"), max_length=20, default="ireca")
    kind = models.CharField(_("kind"), max_length=40)
    body = models.TextField(_("body"))
    digest = models.CharField(max_length=64, editable=False)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.NEW)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = SaidTextField(_("error"), blank=True)
    result = models.CharField(_("result"), max_length=300, blank=True)
    # Objects of it that were read already, while others could not be.
    read_ids = models.JSONField(default=list, editable=False)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)
    trace = trace_field()

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        indexes = [
            # with the state, without which SQLite would have to look at the rows
            models.Index(fields=["state", "due_at", "received_at"], name="callback_open", condition=Q(state="new")),
            # the figures of a day are counted without reading the bodies
            models.Index(fields=["received_at", "state"], name="callback_received"),
            models.Index(fields=["lease_owner"], name="callback_lease", condition=~Q(lease_owner="")),
        ]

    def __str__(self) -> str:
        return f"{titles.entity_title(self.kind)} {self.pk}"


class Pull(Leased):
    """One run of reading an entity from a remote, with progress that a person can watch."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    remote = models.CharField(_("remote"), max_length=20, default="ireca")
    what = models.CharField(_("what"), max_length=40)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    cursor = models.JSONField(_("where to go on"), null=True, blank=True, editable=False)
    open_key = models.CharField(max_length=200, unique=True, null=True, editable=False)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.QUEUED)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    total = models.PositiveIntegerField(_("total"), null=True, blank=True)
    read = models.PositiveIntegerField(_("read"), default=0)
    created_count = models.PositiveIntegerField(_("created"), default=0)
    updated_count = models.PositiveIntegerField(_("updated"), default=0)
    conflict_count = models.PositiveIntegerField(_("conflicts"), default=0)
    bad_count = models.PositiveIntegerField(_("unreadable"), default=0)
    error = SaidTextField(_("error"), blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("requested by")
    )
    created_at = models.DateTimeField(_("requested"), default=timezone.now, db_index=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("pull")
        verbose_name_plural = _("pulls")
        indexes = [
            models.Index(fields=["due_at"], name="pull_open", condition=Q(state__in=("queued", "running"))),
            models.Index(fields=["lease_owner"], name="pull_lease", condition=~Q(lease_owner="")),
            models.Index(fields=["what", "-id"], name="pull_what"),
        ]

    def __str__(self) -> str:
        return titles.entity_title(self.what)


class Schedule(Leased):
    """When something recurring is due; shared by any number of workers, changed in the admin."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    every = models.PositiveIntegerField(_("every, seconds"))
    enabled = models.BooleanField(_("enabled"), default=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    last_started_at = models.DateTimeField(_("last started"), null=True, blank=True)
    last_finished_at = models.DateTimeField(_("last finished"), null=True, blank=True)
    last_result = models.CharField(_("last result"), max_length=300, blank=True)
    error = SaidTextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ["name"]

    def __str__(self) -> str:
        return titles.entity_title(self.name)


class Exchange(models.Model):
    """One HTTP exchange with a remote, redacted, kept for a number of days."""

    remote = models.CharField(_("remote"), max_length=20)
    method = models.CharField(_("method"), max_length=10)
    path = models.CharField(_("path"), max_length=500)
    query = PersonalCharField(_("query"), max_length=2000, blank=True)  # VirtPos takes what is written in it
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    request_body = models.TextField(_("request body"), blank=True)
    response_body = models.TextField(_("response body"), blank=True)
    error = SaidTextField(_("error"), blank=True)
    duration_ms = models.PositiveIntegerField(_("duration, ms"), default=0)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    trace = trace_field()  # where it is of many requests at once, each of them is one of its objects

    class Meta:
        verbose_name = _("exchange")
        verbose_name_plural = _("exchanges")
        indexes = [
            # the figures of an hour are counted without reading the bodies
            models.Index(fields=["started_at", "status", "duration_ms"], name="exchange_started"),
            models.Index(fields=["trace"], name="exchange_trace", condition=~Q(trace="")),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ExchangeSubject(models.Model):
    """Which object an exchange concerned, so that the log is found from the object."""

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="subjects", verbose_name=_("exchange"))
    subject = models.CharField(_("object"), max_length=240)

    class Meta:
        verbose_name = _("object of an exchange")
        verbose_name_plural = _("objects of exchanges")
        indexes = [models.Index(fields=["subject", "-exchange"], name="exchange_subject")]

    def __str__(self) -> str:
        return self.subject


class Sent(models.Model):
    """What one attempt told a remote of an object that the other side may change too, written before it left.

    `agreed` and `said` are by wire name, and hold just what the request carried (`agreed` is null for a creation).
    With them the journal tells whether the request took something away; `taken` names that until a person has decided.
    """

    remote = models.CharField(_("remote"), max_length=20)
    entity = models.CharField(_("entity"), max_length=40)
    object_id = models.BigIntegerField(_("object"))
    at = models.DateTimeField(_("sent"), default=timezone.now)
    agreed = models.JSONField(_("agreed before"), null=True)
    said = models.JSONField(_("told"), default=dict)
    taken = models.JSONField(_("overwritten"), null=True)

    class Meta:
        verbose_name = _("sent attempt")
        verbose_name_plural = _("sent attempts")
        indexes = [models.Index(fields=["entity", "object_id"], name="sent_object")]

    def __str__(self) -> str:
        return titles.object_title(self.entity, str(self.object_id))


class RemoteState(models.Model):
    """What all workers know of a remote: blocked until when and why, or paused by a person."""

    class Block(models.TextChoices):
        NONE = "", _("none")
        DOWN = "down", _("not reachable")
        LIMIT = "limit", _("asked us to wait")
        CONFIG = "config", _("wrong settings")

    name = models.CharField(_("remote"), max_length=20, primary_key=True)
    paused = models.BooleanField(_("paused by a person"), default=False)
    block = models.CharField(_("block"), max_length=20, choices=Block, blank=True, default="")
    blocked_until = models.DateTimeField(_("blocked until"), null=True, blank=True)
    reason = SaidTextField(_("reason"), blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    last_ok_at = models.DateTimeField(_("last success"), null=True, blank=True)
    last_error_at = models.DateTimeField(_("last failure"), null=True, blank=True)
    # where it was told to report changes, and with which CALLBACK_SECRET, by fingerprint
    callbacks_url = models.TextField(_("callbacks go to"), blank=True, default="", db_default="", editable=False)
    callbacks_secret = models.CharField(
        _("secret of callbacks"), max_length=64, blank=True, default="", db_default="", editable=False
    )
    our_source = models.TextField(_("our name in its journal"), blank=True, default="")  # learned, see sent.py
    paced_until = models.FloatField(default=0.0, editable=False)  # of the database's clock, see throttle.py

    class Meta:
        verbose_name = _("remote")
        verbose_name_plural = _("remotes")

    def __str__(self) -> str:
        return self.name


class AccessToken(models.Model):
    """The token of a remote that logs in, shared by all workers and renewed by one of them (see tokens.py)."""

    remote = models.CharField(_("remote"), max_length=20, primary_key=True)
    access = EncryptedTextField(blank=True, default="")
    refresh = EncryptedTextField(blank=True, default="")
    expires_at = models.DateTimeField(_("expires"), null=True)
    account = models.CharField(max_length=64, blank=True, default="")  # whose it is, by fingerprint
    refusal = models.TextField(blank=True, default="")
    refused_until = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")

    def __str__(self) -> str:
        return self.remote


class Turn(models.Model):
    """When something that may be asked only so often was asked last, by any worker (see throttle.py)."""

    name = models.CharField(max_length=240, primary_key=True)
    taken_at = models.FloatField(default=0.0)  # seconds of the database's clock

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """A worker process and its last heartbeat."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    beat_at = models.DateTimeField(_("last heartbeat"), default=timezone.now)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name


class Presence(models.Model):
    """A window in which somebody has a row's form open (see presence.py). It goes with its last sign of life."""

    window = models.CharField(_("window"), max_length=36, unique=True)
    model = models.CharField(_("model"), max_length=100)
    object_id = models.BigIntegerField(_("object"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    since = models.DateTimeField(_("open since"), default=timezone.now)
    seen_at = models.DateTimeField(_("last sign of life"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("open form")
        verbose_name_plural = _("open forms")
        indexes = [models.Index(fields=["model", "object_id"], name="presence_object")]

    def __str__(self) -> str:
        return f"{self.user}: {self.model} {self.object_id}"


class DictionaryEntry(models.Model):
    """A remote's own name for one of its codes (seed 002:2723-2870). Codes that are not listed stay valid."""

    class Kind(models.TextChoices):
        ORDER_STATUSES = "orderStatuses", _("payment statuses of orders")
        DELIVERY_STATUSES = "orderDeliveryStatuses", _("delivery statuses")
        CLOSE_TYPES = "closeTypes", _("ways of payment at the register")
        TAX_TYPES = "taxTypes", _("predefined tax rates")
        CALC_TYPES = "goodCalcTypes", _("kinds of goods on a receipt")
        PERMISSIONS = "permissions", _("permissions of the app")

    kind = models.CharField(_("dictionary"), max_length=40, choices=Kind)
    code = models.CharField(_("code"), max_length=100)
    title = models.CharField(_("title"), max_length=300)

    class Meta:
        verbose_name = _("dictionary entry")
        verbose_name_plural = _("dictionaries")
        ordering = ["kind", "code"]
        constraints = [models.UniqueConstraint(fields=["kind", "code"], name="dictionary_code")]

    def __str__(self) -> str:
        return self.title


# Django finds the models of an app in this module.
from backoffice.sync.exports import ExportLog  # noqa: E402, F401
from backoffice.sync.notices.models import Notice, NoticePreference, NoticeReader  # noqa: E402, F401
