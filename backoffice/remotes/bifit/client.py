"""BIFIT Kassa's online orders over one Session: read by id, created, their status changed.

`BifitClient` raises what the Session raises (Retry, Refused, Config, Unknown), and ContractError for an order that
cannot be read or must not be written. It logs in by itself; the token is kept by a `Tokens` that all workers share.
"""

import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from backoffice.remotes.bifit.contract import OnlineOrder, bad_row, decode, encode, may_become
from backoffice.remotes.bifit.tokens import Token, Tokens, hashed
from backoffice.remotes.errors import BadRow, Config, ContractError, Refused, Retry
from backoffice.remotes.http import Session
from backoffice.remotes.values import excerpt, read_decimal, read_ref
from backoffice.remotes.wirejson import dumps

logger = logging.getLogger(__name__)

ORDERS = "protected/online_orders"  # seed 000, line 8
CLIENT = {"client_id": "cashdesk-rest-client", "client_secret": "cashdesk-rest-client"}
SHORT_LIFE = timedelta(minutes=10)
_KEPT_BAD_ROWS = 1000
_ASSIGNED = frozenset({"id", "created", "changed"})
_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")


class BifitClient:
    """BIFIT Kassa over one Session, whose base address ends with /cashdesk-api/v1. Use one for each thread.

    `tokens` is shared by all. `organization_id` and `trade_object_id` go into every order that is created without
    them. `on_bad_row` is told of each order that `orders` cannot read; without it, the last 1000 are kept in
    `bad_rows`.

    Nobody documents these, so that they can be set: `items_key` under which the goods lines of a new order stand,
    `status_path` and `status_key`, the path of a status change (with {id} for the order's) and the key that the order
    is wrapped in there ("": not wrapped).
    """

    def __init__(
        self,
        session: Session,
        tokens: Tokens,
        *,
        username: str,
        password: str,
        organization_id: str = "",
        trade_object_id: str = "",
        items_key: str = "items",
        status_path: str = ORDERS + "/{id}",
        status_key: str = "",
        on_bad_row: Callable[[BadRow], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.session = session
        self.tokens = tokens
        self.organization_id = organization_id
        self.trade_object_id = trade_object_id
        self.items_key = items_key
        self.status_path = status_path
        self.status_key = status_key
        self.bad_rows: deque[BadRow] = deque(maxlen=_KEPT_BAD_ROWS)
        self.on_bad_row = on_bad_row or self.bad_rows.append
        self._username = username
        self._password = hashed(password)
        self._now = now
        self._secrets = (*session.secrets, password, self._password, quote(self._password, safe=""))
        session.secrets = self._secrets

    # Orders

    def order(self, id_: str) -> OnlineOrder | None:
        """Read one order (5-47); None when there is none. Raises ContractError when it cannot be read."""
        raw = self._read(id_)
        return None if raw is None else _decode(raw, id_)

    def orders(self, ids: Iterable[str]) -> Iterator[tuple[str, OnlineOrder | None]]:
        """Read orders one by one, as (id, order or None). One that cannot be read is reported and skipped: there is
        no documented list, so that a person's typing error is among the ids sooner or later."""
        for id_ in ids:
            raw: Any = None
            try:
                raw = self._read(id_)
                found = None if raw is None else _decode(raw, id_)
            except ContractError as error:
                self.on_bad_row(bad_row(raw, id_, error))
            else:
                yield id_, found

    def create(
        self, order: OnlineOrder, items: Sequence[Mapping[str, Any]], *, subjects: Sequence[str] = ()
    ) -> str | None:
        """Create an order with its goods lines; return its id, None when the answer does not tell it.

        What the service itself assigns (id, created, changed) is not sent. `subjects` name our own object for the
        exchange log. A lost answer raises Unknown: the order may have been created.
        """
        new = msgspec.structs.replace(
            order,
            organization_id=order.organization_id or self.organization_id or UNSET,
            trade_object_id=order.trade_object_id or self.trade_object_id or UNSET,
        )
        _check_status("", new.current_status_type)
        body = {wire: value for wire, value in encode(new).items() if wire not in _ASSIGNED}
        answer = self._call(
            "POST",
            ORDERS,
            json=dumps({"onlineOrder": body, self.items_key: list(items)}),
            idempotent=False,
            subjects=subjects,
        )
        return _told_id(answer)

    def set_status(self, order: OnlineOrder, status: str) -> None:
        """Change the status of an order that was read before, which goes back whole (76, 77).

        Raises ContractError for what the seed forbids (`may_become`); nothing is sent then.
        """
        id_ = _checked(order.id)
        _check_status(order.current_status_type or None, status)
        changed = encode(msgspec.structs.replace(order, current_status_type=str(status)))
        self._call(
            "PUT",
            self.status_path.replace("{id}", id_),
            json=dumps({self.status_key: changed} if self.status_key else changed),
            subjects=[f"online_orders:{id_}"],
        )

    def _read(self, id_: str) -> Any:
        """The answer for an order; None when the service says that there is none."""
        id_ = _checked(id_)
        try:
            answer = self._call("GET", f"{ORDERS}/{id_}", subjects=[f"online_orders:{id_}"])
        except Refused as error:
            if error.status == 404:
                return None
            raise
        if answer is None:
            raise ContractError("", "the answer is empty")
        return answer

    # The token

    def _call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request with the shared token; when the token is refused, renew it and send once more.

        A refused request has not been processed, so that this holds for every request.
        """
        used = self.tokens.current() or self._renewed("")
        self.session.token = used
        try:
            return self.session.request(method, path, **options)
        except Config as error:
            if error.status != 401:
                raise
        self.session.token = self._renewed(used)
        try:
            return self.session.request(method, path, **options)
        except Config as error:
            if error.status != 401:
                raise
            text = error.message
        raise Config(f"BIFIT Kassa refuses the token that it has just given: {text}", status=401)

    def _renewed(self, used: str) -> str:
        """A new token. Its failure has no status: that would be one of a request that was never sent."""
        try:
            return self.tokens.renew(used, self._grant)
        except Retry as error:
            raise Retry(error.message, retry_after=error.retry_after, down=error.down) from error

    def _grant(self, refresh_token: str) -> Token:
        """Get a new token: with the refresh token, and where that is refused or missing, with the password.

        Raises Config when the login is refused, Retry when the service does not answer.
        """
        if refresh_token:
            try:
                return self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token}, refresh_token)
            except (Config, Refused) as error:
                logger.info("BIFIT Kassa refused to renew the token, logging in again: %s", error.message)
        password = {"grant_type": "password", "username": self._username, "password": self._password}
        try:
            return self._ask(password, "")
        except (Config, Refused) as error:
            text, status = error.message, error.status
        # Raised outside the handler, and always as Config: until a person mends the settings, no order can be read.
        is_login = status in (400, 401, 403)
        why = "BIFIT Kassa does not accept the user name and password" if is_login else "No token from BIFIT Kassa"
        raise Config(f"{why}: {text}", status=status)

    def _ask(self, form: Mapping[str, str], refresh_token: str) -> Token:
        asked_at = self._now()
        self.session.token, self.session.secrets = None, (*self._secrets, refresh_token)
        answer = self.session.request("POST", "oauth/token", form={**form, **CLIENT})
        if not isinstance(answer, dict):
            # The Session takes a write for done without a readable answer; here it is all that was wanted.
            raise Retry("the answer to the login cannot be read")
        access, refresh = answer.get("access_token"), answer.get("refresh_token") or refresh_token
        if not isinstance(access, str) or not access or not isinstance(refresh, str):
            raise Config("the answer to the login holds no access_token")
        self.session.secrets = (*self._secrets, access, refresh)
        return Token(access, refresh, _end(asked_at, answer.get("expires_in")))

    def __repr__(self) -> str:
        return f"<BifitClient {self.session!r}>"


def _end(asked_at: datetime, expires_in: Any) -> datetime | None:
    """When a token ends that was asked for at `asked_at` and lives so many seconds (43199 is usual).

    None where that is unknown, or so soon that renewing ahead of time would mean renewing all the time.
    """
    try:
        life = timedelta(seconds=float(read_decimal(expires_in) or 0))
    except (ValueError, OverflowError):
        return None
    return asked_at + life if life >= SHORT_LIFE else None


def _checked(id_: Any) -> str:
    """An id that can stand in an address. Raises ContractError for one that would lead elsewhere."""
    text = str(id_).strip() if isinstance(id_, str | int) and not isinstance(id_, bool) else ""
    if not _ID.fullmatch(text):
        raise ContractError("id", f"expected the id of an order, got {excerpt(id_)}")
    return text


def _check_status(current: Any, new: Any) -> None:
    if not isinstance(current, str) or not isinstance(new, str) or not new:
        raise ContractError("currentStatusType", "expected a status")
    reason = may_become(current, new)
    if reason:
        raise ContractError("currentStatusType", reason)


def _decode(raw: Any, id_: str) -> OnlineOrder:
    """Decode the order that was asked for; an answer that is about something else is none."""
    order = decode(raw)
    if order.id != str(id_).strip():
        shown = "none" if order.id is UNSET else excerpt(order.id)
        raise ContractError("id", f"expected {id_}, got {shown}")
    return order


def _told_id(answer: Any) -> str | None:
    """The id in the answer to a creation, which is not documented: the order, wrapped or in a list, or the id alone."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, dict):
        answer = answer["onlineOrder"] if isinstance(answer.get("onlineOrder"), dict) else answer
        answer = answer.get("id")
    try:
        return read_ref(answer)
    except ValueError:
        logger.warning("BIFIT Kassa answered the creation of an order with an id that cannot be read")
        return None
