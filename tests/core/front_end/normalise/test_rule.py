import re

from trioaudio.core.front_end.normalise import english
from trioaudio.core.front_end.normalise.rule import Found, any_of


def test_the_longest_text_is_found_first() -> None:
    pattern = re.compile(any_of(["k", "km", "km/h", "a.b"]))
    assert pattern.findall("km/h km k a.b axb") == ["km/h", "km", "k", "a.b"]


def test_a_group_that_took_no_part_is_empty() -> None:
    match = re.match("(?P<a>x)|(?P<b>y)", "y")
    assert match is not None
    found = Found(match, "", "", english.INDIAN)
    assert (found.get("a"), found.get("b")) == ("", "y")
