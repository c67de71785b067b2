import re

from trioaudio.core.front_end.reading import MORE, Construct

QUOTED = Construct(re.compile('"[^"]*"'), re.compile('"[^"]*'), reach=6)


def test_a_construct_is_there_or_not_or_may_still_come() -> None:
    found = QUOTED.read('a "b" c', 2)
    assert isinstance(found, re.Match)
    assert found.span() == (2, 5)
    assert QUOTED.read("abc", 0) is None
    assert QUOTED.read('a "b', 2) is MORE


def test_beyond_its_reach_it_is_not() -> None:
    assert QUOTED.read('"abcde', 0) is None
    assert QUOTED.read('"abcde"', 0) is None
    assert isinstance(QUOTED.read('"abcd"', 0), re.Match)
    assert QUOTED.read('"abcd', 0) is MORE
