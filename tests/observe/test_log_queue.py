"""The queue to the thread that writes: order, bound, an end at once, and few wake-ups."""

from __future__ import annotations

import logging
import queue
import threading
import time

import pytest

from trioaudio.observe.log_queue import GATHER_S, RecordQueue

MANY = 300


def record(number: int) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "", 0, str(number), (), None)


def read_all(records: RecordQueue, into: list[str]) -> None:
    while (each := records.get()) is not None:
        into.append(each.msg)


def test_what_is_put_comes_out_in_order_and_then_the_end() -> None:
    records, came = RecordQueue(MANY), list[str]()
    reader = threading.Thread(target=read_all, args=(records, came))
    reader.start()
    for number in range(MANY):
        records.put_nowait(record(number))
    records.end()
    reader.join(10)
    assert not reader.is_alive()
    assert came == [str(number) for number in range(MANY)]


def test_several_threads_lose_nothing() -> None:
    records, came = RecordQueue(8 * MANY), list[str]()
    reader = threading.Thread(target=read_all, args=(records, came))
    reader.start()

    def write(first: int) -> None:
        for number in range(first, first + MANY):
            records.put_nowait(record(number))

    writers = [threading.Thread(target=write, args=(MANY * part,)) for part in range(8)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(10)
    records.end()
    reader.join(10)
    assert sorted(map(int, came)) == list(range(8 * MANY))


def test_no_more_than_its_bound_waits_but_for_the_end() -> None:
    records = RecordQueue(2)
    records.put_nowait(record(1))
    records.put_nowait(record(2))
    with pytest.raises(queue.Full):
        records.put_nowait(record(3))
    records.end()
    came = list[str]()
    read_all(records, came)
    assert came == ["1", "2"]
    with pytest.raises(queue.Empty):
        records.get(block=False)


def test_a_reader_that_was_woken_gathers_what_comes() -> None:
    records, came_at = RecordQueue(MANY), list[float]()
    got = threading.Event()

    def read_two() -> None:
        for _ in range(2):
            records.get()
            came_at.append(time.monotonic())
        got.set()

    reader = threading.Thread(target=read_two)
    reader.start()
    records.put_nowait(record(1))
    while not (came_at and records.reader_waits):
        got.wait(0.001)
    began = time.monotonic()
    records.put_nowait(record(2))
    assert not records.reader_waits  # the next ones wake nobody
    assert got.wait(10)
    assert came_at[1] - began >= GATHER_S * 0.9


def test_the_end_is_not_waited_for() -> None:
    records, came = RecordQueue(MANY), list[str]()
    reader = threading.Thread(target=read_all, args=(records, came))
    reader.start()
    for _ in range(20):  # twenty gatherings would take longer
        records.put_nowait(record(0))
    records.end()
    began = time.monotonic()
    reader.join(10)
    assert time.monotonic() - began < 20 * GATHER_S
    assert len(came) == 20
