from __future__ import annotations

import pytest

from trioaudio.observe import utterance_spans
from trioaudio.observe.utterance_spans import UtteranceSpans


def told(spans: UtteranceSpans) -> list[tuple[int, int, int]]:
    return [(each.utterance, each.start, each.end) for each in spans]


def test_what_touches_is_one_span() -> None:
    spans = UtteranceSpans()
    spans.add(1, 0, 480)
    spans.add(1, 480, 960)
    spans.add(2, 960, 1440)
    spans.add(2, 1441, 1500)
    assert told(spans) == [(1, 0, 960), (2, 960, 1440), (2, 1441, 1500)]


def test_a_cut_takes_what_was_not_heard() -> None:
    spans = UtteranceSpans()
    spans.add(1, 0, 480)
    spans.add(2, 480, 960)
    spans.add(3, 960, 1440)
    spans.cut(500)
    assert told(spans) == [(1, 0, 480), (2, 480, 500)]
    spans.cut(0)
    assert told(spans) == []
    spans.cut(0)


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utterance_spans, "SPANS_MOST", 2)
    spans = UtteranceSpans()
    for n in range(5):
        spans.add(n, n * 10, n * 10 + 5)
    spans.add(1, 15, 20)  # the last one kept still grows
    assert (told(spans), spans.left_out) == ([(0, 0, 5), (1, 10, 20)], 3)
