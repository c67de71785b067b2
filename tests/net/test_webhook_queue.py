from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from trioaudio.net.webhook_queue import Posting, WebhookQueue


def posting(name: str, *, kept: bool = False) -> Posting:
    """`a1` is call a's first event."""
    return Posting(f"evt_{name}", name[0], "dtmf", 1.0, name.encode(), kept)


def queue_of(*names: str, most: int = 100) -> WebhookQueue:
    queue = WebhookQueue(most)
    for name in names:
        assert queue.add(posting(name), 0.0) is None
    return queue


def ids(queue: WebhookQueue) -> list[str]:
    return [each.id.removeprefix("evt_") for each in queue.waiting()]


def taken(queue: WebhookQueue, now: float = 0.0) -> Posting:
    found = queue.take(now)
    assert found is not None
    return found


def test_an_empty_queue() -> None:
    queue = WebhookQueue(10)
    assert queue.take(0.0) is None
    assert queue.next_due() is None
    assert len(queue) == 0
    assert queue.waiting() == []


def test_one_of_a_call_at_a_time_and_calls_beside_each_other() -> None:
    queue = queue_of("a1", "a2", "b1")
    first, other = taken(queue), taken(queue)
    assert (first.id, other.id) == ("evt_a1", "evt_b1")
    assert queue.take(0.0) is None
    assert queue.next_due() is None
    queue.done(first, 1.0)
    assert queue.next_due() == 1.0
    second = taken(queue, 1.0)
    assert second.id == "evt_a2"
    assert len(queue) == 2
    queue.done(second, 2.0)
    queue.done(other, 2.0)
    assert len(queue) == 0
    assert queue.next_due() is None


def test_a_failure_holds_back_its_own_call_only() -> None:
    queue = queue_of("a1", "a2", "b1")
    failed = taken(queue)
    queue.again(failed, 10.0)
    assert taken(queue).id == "evt_b1"
    assert queue.take(9.9) is None
    assert queue.next_due() == 10.0
    assert taken(queue, 10.0) is failed


def test_the_oldest_makes_room() -> None:
    queue = queue_of("a1", "a2", "b1", most=3)
    dropped = queue.add(posting("b2"), 0.0)
    assert dropped is not None
    assert dropped.id == "evt_a1"
    assert ids(queue) == ["a2", "b1", "b2"]
    assert [taken(queue).id, taken(queue).id] == ["evt_a2", "evt_b1"]


def test_a_call_that_lost_its_only_event_is_forgotten() -> None:
    queue = queue_of("a1", "b1", most=2)
    queue.add(posting("b2"), 0.0)
    assert ids(queue) == ["b1", "b2"]
    assert taken(queue).id == "evt_b1"
    assert queue.take(0.0) is None
    queue.add(posting("a2"), 5.0)  # drops b2; call a is new again
    assert queue.take(4.0) is None
    assert taken(queue, 5.0).id == "evt_a2"


def test_what_is_kept_makes_room_last_and_what_is_on_its_way_never() -> None:
    queue = WebhookQueue(2)
    queue.add(posting("a1", kept=True), 0.0)
    queue.add(posting("b1"), 0.0)
    dropped = queue.add(posting("c1", kept=True), 0.0)
    assert dropped is not None
    assert dropped.id == "evt_b1"
    assert taken(queue).id == "evt_a1"
    dropped = queue.add(posting("d1"), 0.0)
    assert dropped is not None
    assert dropped.id == "evt_c1"
    assert taken(queue).id == "evt_d1"
    assert queue.add(posting("e1"), 0.0) is None
    assert len(queue) == 3


def test_what_calls_that_are_over_leave_behind_is_bounded() -> None:
    queue = WebhookQueue(4)
    for number in range(10_000):
        queue.add(Posting(f"evt_{number}", str(number), "dtmf", 1.0, b""), 0.0)
    assert len(queue) == 4
    assert len(queue._due) < 100
    assert taken(queue).id == "evt_9996"


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "done", "again", "wait"])),
        max_size=80,
    ),
    st.integers(2, 8),
)
def test_order_is_kept_whatever_happens(steps: list[tuple[str, str]], most: int) -> None:
    queue = WebhookQueue(most)
    now = 0.0
    numbers: dict[str, int] = defaultdict(int)
    on_way: dict[str, Posting] = {}
    delivered: dict[str, list[int]] = defaultdict(list)
    known = 0
    for call, step in steps:
        now += 1.0
        if step == "add":
            numbers[call] += 1
            one = Posting(f"{call}{numbers[call]}", call, "dtmf", 1.0, b"")
            known += 1 if queue.add(one, now) is None else 0
        elif step == "wait":
            now += 5.0
        elif call in on_way and step == "again":
            queue.again(on_way.pop(call), now + 3.0)
        elif call in on_way:
            done = on_way.pop(call)
            delivered[call].append(int(done.id[1:]))
            queue.done(done, now)
            known -= 1
        while (found := queue.take(now)) is not None:
            assert found.call not in on_way
            on_way[found.call] = found
        assert len(queue) == known == len(queue.waiting())
        assert known <= most + len(on_way)
    assert all(each == sorted(set(each)) for each in delivered.values())
