"""The cards of the board as HTML: hundreds on a page, so they are put together here and not by a template each."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from orders import cash
from orders.board import Card


def painter(orders: str, *, may_move: bool) -> Callable[..., SafeString]:
    """Draws one card: alone in a column, or from `left` on and `width` wide, in per cent, in a row of the timeline.

    :param orders: the address of the list of orders.
    """
    open_order, collect = escape(_("Open order")), escape(_("collect"))

    def draw(card: Card, left: float | None = None, width: float = 0.0) -> SafeString:
        key, title, hours, address = card.key, escape(card.title), card.hours, escape(card.order.address or "–")
        is_movable = card.is_open and may_move
        grip = ' draggable="true"' if is_movable else ""
        block, where = "", address
        if left is not None:
            told = f"{hours} · {address} · {escape(card.state)}"
            block = f' style="left: {left:.3f}%; width: {width:.3f}%; --lane: {card.lane}" title="{told}"'
            where = escape(card.spot)
        head = f"<b>{title}</b>"
        if is_movable:
            box = f'<input type="checkbox" class="board-pick" tabindex="-1" value="{key}">'
            head = f"<label>{box} {head}</label>"
        link = f'<a href="{orders}{key}/change/" tabindex="-1" aria-label="{open_order} {title}">↗</a>'
        urgency = f" · <b>{escape(card.urgency)}</b>" if card.urgency else ""
        return mark_safe(  # noqa: S308  # every text of an order is escaped above and in `_facts`
            f'<li class="{card.classes}" data-order="{key}"{grip}{block}>{head} {link} '
            f'<span class="board-window">{hours}{urgency}</span> <span class="board-where">{where}</span> '
            f'<span class="board-facts">{_facts(card, collect)}</span></li>'
        )

    return draw


def _facts(card: Card, collect: str) -> str:
    facts = [f"<span>{escape(card.state)}</span>"]
    if card.due:
        facts.append(f"<span>{collect} {escape(cash.written(card.due))}</span>")
    if card.order.hold:
        facts.append(f'<span class="is-held">{escape(str(card.order.get_hold_display()))}</span>')
    if trouble := card.trouble:
        bad = ' class="is-bad"' if card.is_in_trouble else ""
        facts.append(f"<span{bad}>{escape(trouble)}</span>")
    return "".join(facts)
