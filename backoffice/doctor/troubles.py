"""The notices that people get in the admin, of those kinds that an operator can do something about.

What they find and say is theirs (`backoffice/sync/notices`); here is what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from backoffice.doctor.findings import Finding, Level, check
from backoffice.partners.webhooks.figures import webhooks as webhook_figures
from backoffice.sync.notices import kinds
from couriers.licences import licences as licence_figures

REMEDIES: dict[str, Any] = {
    "remotes": _("Paused: resume it on Sync health. Rejected: correct its settings, restart. Else ask its support."),
    "refused": _("Correct the objects (the outbox, filtered by “Refused”, tells why); saving sends them again."),
    "unknown": _("Look at the remote whether it was done, and say so in the outbox with one of its two actions."),
    "stuck": _("Read their errors on the page Sync health; where there are none, a worker more is needed."),
    "conflicts": _("A dispatcher opens each and chooses field by field; it is not sent until then."),
    "callbacks": _("Read their errors in the list of callbacks, and process them again once that is mended."),
    "schedules": _("Open its last run in the list of pulls; what it reads is out of date until it works."),
    "workers": _("Read the end of its log; where no other has taken over, start it again."),
    "mail": _("Check EMAIL_URL and whether the mail server takes mail from this machine."),
    "licences": _("Close sessions that nobody uses in the list of licences, or buy more of them at iRECA."),
    "no-receipt": _("The accountant's queue of orders without a receipt lists them; look at the register first."),
    "register-orders": _("Filter the orders by trouble at their register service; each tells its reason."),
    "webhooks": _("Tell the partner that its receiver fails, and resume the webhook on its page once it works."),
}
# Of these a dispatcher or an accountant takes care in a day's work: no operator can mend them.
WORK_OF_OTHERS = {"late", "doubled", "duplicates", "shifts", "registrar-errors", "terminal-errors"}
OF_NOTICES = {"unwatched"}  # kinds that cannot be looked for; here the check that fails says so itself
NEARLY = 0.9  # of all licences


@check(reads=True)
def notices(now: datetime) -> Iterator[Finding]:
    for kind in kinds.every():
        if kind.name in REMEDIES:
            for trouble in kind.find(now):
                level = Level.ERROR if trouble.is_grave else Level.WARNING
                yield Finding(
                    level, kind.describe({**trouble.params, "count": trouble.count}), str(REMEDIES[kind.name])
                )


@check(reads=True)
def licences(now: datetime) -> Iterator[Finding]:
    found = licence_figures()
    if found.total is not None and not found.are_exhausted and found.used >= NEARLY * found.total:
        yield Finding(
            Level.WARNING,
            str(_("%(used)s of %(total)s licences are used.")) % {"used": found.used, "total": found.total},
            str(REMEDIES["licences"]),
        )


@check(reads=True)
def given_up(now: datetime) -> Iterator[Finding]:
    if failed := webhook_figures(now).failed:
        yield Finding(
            Level.WARNING,
            str(_("%(count)s events of the last day were given up: partners were not told.")) % {"count": failed},
            str(_("Send them again from the list of deliveries once the partner's receiver works.")),
        )
