"""Which calls are shown, in which order."""

from __future__ import annotations

import pytest

from dashboard.things import BORN, call_view, node_with, saying
from trioaudio.dashboard.arguments import SORT_NAMES
from trioaudio.dashboard.nodes import Fleet
from trioaudio.dashboard.sorting import SORTS, sorted_calls

VIEWS = (
    call_view("a", created_at=BORN + 2, carrier="plivo", to="+3", lead_ms=10.0, underruns=1),
    call_view("b", created_at=BORN + 1, carrier="twilio", to="+1", waiting=5, speaking=False),
    call_view("c", created_at=BORN + 3, carrier="exotel", to="+2", lateness_p99_ms=9.0,
              labels={"order": "1001"}, saying=saying(spoken_by=["Piper"])),
)  # fmt: skip


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("age", "bac"),
        ("carrier", "cab"),
        ("number", "bca"),
        ("state", "acb"),
        ("waiting", "bac"),
        ("lead", "bca"),
        ("late", "cba"),
        ("underruns", "abc"),
        ("engine", "bac"),
        ("node", "bac"),
    ],
)
def test_every_order_and_its_reverse(sort: str, order: str) -> None:
    fleet = Fleet([node_with(*VIEWS)])
    assert "".join(row.view.call for _, row in sorted_calls(fleet, sort, "")) == order
    backwards = sorted_calls(fleet, sort, "", reverse=True)
    if sort in {"age", "carrier", "number"}:
        assert "".join(row.view.call for _, row in backwards) == order[::-1]
    assert {row.view.call for _, row in backwards} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("needle", "found"),
    [("", "bac"), ("PLIVO", "a"), ("+1", "bac"), ("order:1001", "c"), ("piper", "c"), ("zz", "")],
)
def test_what_is_found(needle: str, found: str) -> None:
    views = [call_view(view.call, caller_id="+1", created_at=view.created_at, carrier=view.carrier,
                       labels=view.labels, saying=view.saying) for view in VIEWS]  # fmt: skip
    rows = sorted_calls(Fleet([node_with(*views)]), "age", needle)
    assert "".join(row.view.call for _, row in rows) == found


@pytest.mark.parametrize(
    ("needle", "found"), [("speak", "a"), ("QUIET", "b"), ("lost", "c"), ("paused", "")]
)
def test_states_are_found_by_the_word_that_is_shown(needle: str, found: str) -> None:
    views = [
        call_view("a"),
        call_view("b", speaking=False, waiting=0),
        call_view("c", state="lost"),
    ]
    rows = sorted_calls(Fleet([node_with(*views)]), "age", needle)
    assert "".join(row.view.call for _, row in rows) == found


def test_a_daemons_address_tells_calls_apart_only_where_there_are_several() -> None:
    first = node_with(call_view("a", peer=None), name="http://Alpha:8089")
    second = node_with(call_view("b", peer=None), name="http://beta:8089")
    assert sorted_calls(Fleet([first]), "age", "alpha") == []
    for needle, found in (("ALPHA", "a"), ("beta", "b"), ("8089", "ab"), ("http", "")):
        rows = sorted_calls(Fleet([first, second]), "age", needle)
        assert "".join(row.view.call for _, row in rows) == found


def test_one_call_may_be_kept_whatever_is_sought() -> None:
    fleet = Fleet([node_with(*VIEWS, name="n")])
    rows = sorted_calls(fleet, "age", "plivo", kept=("n", "c"))
    assert [row.view.call for _, row in rows] == ["a", "c"]
    assert len(sorted_calls(fleet, "age", "plivo", kept=("other", "c"))) == 1


def test_calls_of_several_daemons_stand_together() -> None:
    fleet = Fleet([node_with(VIEWS[0], name="x"), node_with(VIEWS[1], VIEWS[2], name="y")])
    assert [node.name for node, _ in sorted_calls(fleet, "age", "")] == ["y", "x", "y"]
    assert [node.name for node, _ in sorted_calls(fleet, "node", "")] == ["x", "y", "y"]


def test_the_command_line_knows_the_same_orders() -> None:
    assert tuple(SORTS) == SORT_NAMES
