import re

from trioaudio.core.front_end.replacement import Replacement, Replacements


def test_what_is_replaced_is_not_looked_at_again() -> None:
    found = Replacements("a1 b22 c3")
    found.replace(re.compile(r"b(?P<it>\d+)"), lambda match: f"<{match[0]}>")
    found.replace(re.compile(r"\d+"), lambda match: match[0] if match[0] == "1" else None)
    found.replace(re.compile(r"\d"), lambda match: match[0] * 2)
    assert found.in_order() == [
        Replacement(1, 2, "1"),
        Replacement(4, 6, "<b22>"),
        Replacement(8, 9, "33"),
    ]
    assert len(found.open) == len(found.text)
