"""An import from the file to its result, and what people chose last time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.sync.models import Leased


class Import(Leased):
    """A file on its way into our tables. A worker, or a request where it is short, carries out what its state asks for.

    `read` rows are behind it; what was counted and written until there is in the same transaction, so that a run which
    was cut off goes on behind the last row that it finished.
    """

    class State(models.TextChoices):
        MAPPING = "mapping", _("Columns are to be chosen")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked, to be confirmed")
        WRITING = "writing", _("Being imported")
        DONE = "done", _("Imported")
        FAILED = "failed", _("Not imported")

    class Mode(models.TextChoices):
        ALL = "all", _("add new ones and change what is here")
        NEW = "new", _("only add new ones")
        CHANGED = "changed", _("only change what is here")

    MOVING = (State.CHECKING, State.WRITING)

    table = models.CharField(_("what"), max_length=100)
    file_name = models.CharField(_("file"), max_length=255)
    language = models.CharField(max_length=10, default="ru", editable=False)
    header = models.JSONField(default=list, editable=False)
    header_row = models.PositiveIntegerField(default=1, editable=False)
    samples = models.JSONField(default=list, editable=False)
    mapping = models.JSONField(_("columns"), default=list, editable=False)  # of each header, the name of our column
    mode = models.CharField(_("rows"), max_length=10, choices=Mode, default=Mode.ALL)
    clears = models.BooleanField(_("empty cells clear"), default=False)
    is_whole = models.BooleanField(_("all or nothing"), default=False)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.MAPPING)
    total = models.PositiveIntegerField(_("rows"), null=True, editable=False)
    read = models.PositiveIntegerField(_("read"), default=0, editable=False)
    new_count = models.PositiveIntegerField(_("new"), default=0, editable=False)
    changed_count = models.PositiveIntegerField(_("changed"), default=0, editable=False)
    same_count = models.PositiveIntegerField(_("unchanged"), default=0, editable=False)
    skipped_count = models.PositiveIntegerField(_("skipped"), default=0, editable=False)
    failed_count = models.PositiveIntegerField(_("with errors"), default=0, editable=False)
    shown = models.JSONField(default=list, editable=False)  # the first ones of each kind, for the preview
    error = models.TextField(_("error"), blank=True, default="", editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("who")
    )
    created_at = models.DateTimeField(_("when"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        default_permissions = ()
        indexes = [
            models.Index(fields=["due_at"], name="import_open", condition=models.Q(state__in=("checking", "writing"))),
            models.Index(fields=["lease_owner"], name="import_lease", condition=~models.Q(lease_owner="")),
            models.Index(fields=["created_at"], name="import_created"),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportFile(models.Model):
    """The file itself, in the database, where any web or worker process finds it. It goes when the import is over."""

    run = models.OneToOneField(Import, models.CASCADE, related_name="file")
    data = models.BinaryField()

    class Meta:
        verbose_name = _("file of an import")
        verbose_name_plural = _("files of imports")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.run_id)


class FailedRow(models.Model):
    """A row that was not imported: as it stood in the file, and why not."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="failed")
    number = models.PositiveIntegerField(_("row"))
    cells = models.JSONField(default=list)
    error = models.TextField(_("error"), blank=True, default="")

    class Meta:
        verbose_name = _("row with errors")
        verbose_name_plural = _("rows with errors")
        default_permissions = ()
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="failed_row_once")]

    def __str__(self) -> str:
        return str(self.number)


class ColumnChoice(models.Model):
    """How a person matched the columns of a file; others who bring the same columns are offered it too."""

    table = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)  # of the header
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    mapping = models.JSONField(default=list)
    chosen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("choice of columns")
        verbose_name_plural = _("choices of columns")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["table", "digest", "user"], name="column_choice_once")]

    def __str__(self) -> str:
        return self.table
