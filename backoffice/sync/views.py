"""Where remotes post to us. The answer is exactly 201 with an empty body, at once: only that counts as delivered
(CONTRACT, T37).
"""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from backoffice.secrets import matches
from backoffice.sync import callbacks

KINDS = ("orders", "licenses")
REGISTER_KINDS = {("bifit", "orders"): "online_orders"}  # what a service posts -> the kind it is stored under


def callback_path(kind: str) -> str:
    """Where iRECA posts changes of this kind. ValueError where CALLBACK_SECRET cannot stand in an address."""
    try:
        return reverse("ireca-callback", kwargs={"secret": settings.CALLBACK_SECRET, "kind": kind})
    except NoReverseMatch:
        # Django's error shows the secret: nothing of it goes on.
        raise ValueError("CALLBACK_SECRET cannot stand in an address") from None


def _is_secret(given: str) -> bool:
    """Also the one before, as long as it stands in the settings: whoever posts is told the new one after us."""
    return bool(settings.CALLBACK_SECRET) and matches(
        given, settings.CALLBACK_SECRET, *settings.CALLBACK_SECRET_FALLBACKS
    )


@csrf_exempt
@require_POST
def ireca_callback(request: HttpRequest, secret: str, kind: str) -> HttpResponse:
    """Store a callback of iRECA. The secret in the URL is all that tells iRECA from a stranger, so a wrong one sees
    no such page.
    """
    if not _is_secret(secret) or kind not in KINDS:
        raise Http404
    callbacks.store("ireca", kind, request.body)
    return HttpResponse(status=201)


@csrf_exempt
@require_POST
def register_callback(request: HttpRequest, remote: str, secret: str, kind: str) -> HttpResponse:
    """Store what a register service, or a script beside it, posts. A wrong secret sees no such page."""
    stored = REGISTER_KINDS.get((remote, kind))
    if not _is_secret(secret) or stored is None:
        raise Http404
    callbacks.store(remote, stored, request.body)
    return HttpResponse(status=201)
