"""Marking codes: read by position, flagged and never refused where a remote said them, a piece sold once."""

from __future__ import annotations

import random
import string

import pytest
from django.db import NotSupportedError
from django.test import Client as Browser

from backoffice.remotes.ireca import contract
from backoffice.sync.apply import apply
from backoffice.sync.enqueue import untracked
from backoffice.sync.mirror import registry
from orders import marking
from orders.admin import checks
from orders.marking import GS, Flaw
from orders.models import Line, Order
from tests.orders import builders
from tests.orders.pages import LIST, change_form, change_url, errors

ROUNDS = 300
SERIAL = string.ascii_letters + string.digits + "!\"%&'()*+,-./_:;=<>?"


def gtin(rng: random.Random) -> str:
    digits = "".join(rng.choices(string.digits, k=13))
    return digits + marking.check_digit(digits)


def serial(rng: random.Random) -> str:
    """Serial numbers full of what looks like identifiers."""
    text = "".join(rng.choice([rng.choice(SERIAL), "01", "21", "91", "92", "93"]) for _ in range(rng.randint(1, 13)))
    return text[: rng.randint(1, marking.MAX_SERIAL)]


def tail(rng: random.Random) -> str:
    def value(length: int) -> str:
        return "".join(rng.choices(SERIAL, k=length))

    return rng.choice([f"91{value(4)}{GS}92{value(44)}", f"91{value(4)}{GS}92{value(88)}", f"93{value(4)}"])


class TestStructure:
    def test_every_whole_code_is_read_as_it_was_made(self) -> None:
        rng = random.Random(1)
        for _ in range(ROUNDS):
            goods, number = gtin(rng), serial(rng)
            leader = rng.choice(["", *marking.LEADERS])
            found = marking.parse(f"{leader}01{goods}21{number}{GS}{tail(rng)}")
            assert (found.gtin, found.serial, found.flaws) == (goods, number, frozenset())
            assert found.key == f"{goods}:{number}"

    def test_every_wrong_digit_of_a_gtin_is_noticed(self) -> None:
        rng = random.Random(2)
        for _ in range(ROUNDS):
            goods, place = gtin(rng), rng.randrange(14)
            wrong = str((int(goods[place]) + rng.randint(1, 9)) % 10)
            assert not marking.is_gtin(goods[:place] + wrong + goods[place + 1 :])
            assert Flaw.GTIN in marking.parse(f"01{goods[:place]}{wrong}{goods[place + 1 :]}21x{GS}93abcd").flaws

    def test_no_text_breaks_it(self) -> None:
        rng = random.Random(3)
        characters = [*string.printable, GS, "\xe8", "ж", "٣", "01", "21"]
        for _ in range(ROUNDS):
            text = "".join(rng.choices(characters, k=rng.randint(0, 60)))
            found = marking.parse(text)
            assert found.flaws or (found.gtin and found.serial)
            assert bool(marking.key(text)) == bool(marking._bare(text))

    def test_the_check_part_does_not_change_which_piece_it_is(self) -> None:
        rng = random.Random(4)
        start = f"01{gtin(rng)}21{serial(rng)}"
        assert len({marking.key(f"{start}{GS}{tail(rng)}") for _ in range(20)}) == 1

    @pytest.mark.parametrize(
        ("code", "flaw"),
        [
            ("4600000000015", Flaw.START),
            ("02046000000000152112345", Flaw.START),
            ("01046000000000151112345", Flaw.START),
            (f"010460000000001421abc{GS}93abcd", Flaw.GTIN),
            (f"010460000000001521{GS}93abcd", Flaw.SERIAL),
            (f"010460000000001521{'a' * 21}{GS}93abcd", Flaw.SERIAL),
            (f"010460000000001521шж{GS}93abcd", Flaw.SERIAL),
            ("010460000000001521abc", Flaw.SEPARATOR),
            (f"010460000000001521abc{GS}", Flaw.CHECK),
            (f"010460000000001521abc{GS}91EE08", Flaw.CHECK),
            (f"010460000000001521abc{GS}93abc", Flaw.CHECK),
            (f"010460000000001521abc{GS}91EE08{GS}92abc", Flaw.CHECK),
        ],
    )
    def test_each_flaw_has_its_name(self, code: str, flaw: Flaw) -> None:
        assert flaw in marking.parse(code).flaws

    def test_every_flaw_has_a_text(self) -> None:
        assert set(checks.FLAWS) == set(Flaw)


def marked(nth: int, code: str, **fields: object) -> Line:
    row = builders.with_lines(builders.order(nth, **fields), 1)
    line = row.lines.get()
    with untracked():
        line.count, line.total, line.mark_value = 1, 50, code
        line.save()
    return line


@pytest.mark.django_db
class TestSoldTwice:
    def test_the_form_says_where_and_the_list_finds_both(self, dispatcher: Browser) -> None:
        first, second = marked(1, builders.mark("A1")), marked(2, "]d2" + builders.mark("A1"))
        marked(3, builders.mark("A2"))
        page = dispatcher.get(change_url(first.order)).content.decode()
        assert "its marking code is sold in order N-2, too." in page
        assert "This code is sold already, in order N-1." in dispatcher.get(change_url(second)).content.decode()
        rows = dispatcher.get(LIST + "?attention=marked_twice").context["cl"].result_list
        assert {str(row) for row in rows} == {"N-1", "N-2"}

    @pytest.mark.parametrize(
        "change", [{"delivery_status": 11}, {"is_refund": True}], ids=["cancelled", "the return itself"]
    )
    def test_what_is_not_sold_does_not_count(self, change: dict[str, object]) -> None:
        marked(1, builders.mark("A1"))
        marked(2, builders.mark("A1"), **change)
        assert not Line.objects.marked_twice().exists()

    def test_what_was_brought_back_may_be_sold_again(self) -> None:
        first = marked(1, builders.mark("A1"))
        marked(2, builders.mark("A1"))
        back = marked(3, builders.mark("A1"), is_refund=True, refund_of=first.order)
        assert not Line.objects.marked_twice().exists()
        Order._base_manager.filter(pk=back.order_id).update(delivery_status=11)
        assert Line.objects.marked_twice().count() == 2

    def test_what_a_person_types_is_refused_and_what_is_there_is_in_nobodys_way(self, dispatcher: Browser) -> None:
        marked(1, builders.mark("A1"))
        line = marked(2, "nonsense")
        typed = dispatcher.post(
            change_url(line), {**change_form(dispatcher, line), "mark_value": builders.mark("A1"), "count": "2"}
        )
        assert {name: texts[0] for name, texts in errors(typed).items()} == {
            "mark_value": "This code is sold already, in order N-1.",
            "count": "A marking code is one piece: the count must be 1.",
        }
        other = dispatcher.post(change_url(line), {**change_form(dispatcher, line), "unit": "box"})
        assert other.status_code == 302

    def test_a_remote_may_say_anything(self) -> None:
        mirror = registry.for_model(Order)
        assert mirror is not None
        goods = [{"goodId": "1", "count": 2, "price": 1, "total": 2, "position": 1, "markValue": "nonsense"}]
        said = contract.decode(contract.Order, {"orderId": "77", "statusId": 0, "goods": goods})
        apply(mirror, [said])
        line = Line.objects.get()
        assert (line.mark_value, line.mark_key) == ("nonsense", "nonsense")
        goods[0]["markValue"] = builders.mark("B1")
        apply(mirror, [contract.decode(contract.Order, {"orderId": "77", "statusId": 0, "goods": goods})])
        line.refresh_from_db()
        assert line.mark_key.endswith(":B1")

    def test_no_bulk_path_leaves_an_old_key(self) -> None:
        line = marked(1, builders.mark("A1"))
        with pytest.raises(NotSupportedError):
            Line.objects.filter(pk=line.pk).update(mark_value="")
        line.mark_value = ""
        line.save(update_fields=["mark_value"])
        line.refresh_from_db()
        assert line.mark_key == ""
