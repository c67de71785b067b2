import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.mark_name import mark_name, marked_utterance


@given(utterance=st.integers(0, 10**17), generation=st.integers(0, 10**17))
def test_a_name_leads_back_to_its_utterance(utterance: int, generation: int) -> None:
    name = mark_name(utterance, generation)
    assert marked_utterance(name) == utterance
    assert len(name) <= 40


def test_generations_make_names_differ() -> None:
    assert mark_name(1, 0) != mark_name(1, 1)


@pytest.mark.parametrize(
    "name",
    ["", "u1", "g1", "u1g", "x1g1", "u1g1 ", "u-1g1", "u\N{ARABIC-INDIC DIGIT ONE}g1", "u1g1" * 9],
)
def test_other_names_are_nobodys(name: str) -> None:
    assert marked_utterance(name) is None
