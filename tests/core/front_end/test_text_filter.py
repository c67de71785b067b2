import pytest

from trioaudio.core.front_end.filtered_text import FilteredText
from trioaudio.core.front_end.mapped_text import STAND_IN
from trioaudio.core.front_end.tags import Hint
from trioaudio.core.front_end.text_filter import TextFilter


def say(hint: Hint) -> str | None:
    return hint.content.upper() if hint.tag.name == "sub" else None


def filtered(*pieces: str, markup: bool = True) -> tuple[FilteredText, TextFilter]:
    out = FilteredText()
    text_filter = TextFilter(out, say, {".": "dot", "@": "at"}, markup=markup)
    for piece in pieces:
        text_filter.push(piece)
    return out, text_filter


def said(text: str) -> str:
    out, text_filter = filtered(text)
    text_filter.finish()
    assert text_filter.waiting == ""
    words = iter(out.mapped.instead)
    return "".join(next(words) if each == STAND_IN else each for each in out.mapped.text)


@pytest.mark.parametrize(
    ("begun", "held"),
    [
        ("a **", "**"),
        ("a <", "<"),
        ("a <b", "<b"),
        ("a <sub alias='x'>con", "<sub alias='x'>con"),
        ("a <!-- x", "<!-- x"),
        ("a [b](c", "[b](c"),
        ("a &am", "&am"),
        ("a \\", "\\"),
        ("a http", "http"),
        ("a https://x.com/y", "https://x.com/y"),
        ("a !", "!"),
        ("x\n-", "-"),
        ("x\n``", "``"),
        ("x\n- [", "["),
        ("a *12", "*12"),
        ("a [^n", "[^n"),
        ("a <https://x", "<https://x"),
        ("a ![b](c", "![b](c"),
    ],
)
def test_what_may_become_something_waits(begun: str, held: str) -> None:
    assert filtered(begun)[1].waiting == held


@pytest.mark.parametrize(
    "text",
    [
        "Hello!",
        "so.",
        "a < ",
        "a [b] ",
        "AT&T ",
        "a ! ",
        "5 * 3",
        "x_y",
        "shttps",
        "a <zz",
        "a <b x>",
        "a [b](c d",
        "a <sub>",
        "x\n-5",
        "a &nbsp; ",
    ],
)
def test_what_cannot_goes_on(text: str) -> None:
    assert filtered(text)[1].waiting == ""


@pytest.mark.parametrize(
    "text",
    [
        "a <b x='1' y",
        "a [b](c",
        "a *",
        "x\n##",
        "a ```",
        "a [^1",
        "a ![x",
        "a &#12",
        "a <!--x",
        "a <sub alias='x'>c",
        "a *1*",
        "a https://",
        "x\n|--",
        "a \\",
        "a http",
        "a <https://x",
    ],
)
def test_the_end_of_the_text_decides_what_waits(text: str) -> None:
    assert said(text)[0] in "ax"


def test_long_constructs_are_let_go() -> None:
    for opening in ("[" + "a" * 101, "<!--" + "a" * 300, "<b x='" + "a" * 300, "[a](" + "b" * 1100):
        assert filtered(f"x {opening}")[1].waiting == ""


def test_spans_of_what_is_said_otherwise_lead_to_the_whole() -> None:
    out, _ = filtered("<sub alias='x'>a</sub> &amp; https://www.x.com/y. ")
    starts = [(out.mapped.starts[at], out.mapped.ends[at]) for at in (0, 2, 4)]
    assert starts == [(0, 22), (23, 28), (29, 48)]
    assert out.mapped.instead == ["A", "x dot com"]


def test_code_keeps_its_signs_until_its_end_or_that_of_the_line() -> None:
    assert said("`a*b _c_` _d_") == "a*b _c_ d"
    assert said("`a _b_\n_c_") == "a _b_\nc"
    assert said("`" + "a" * 201 + " _b_") == "a" * 201 + " b"
    assert said("```\n_a_ `b`\n```\n_c_") == "_a_ b\n\nc"


def test_links_and_brackets() -> None:
    assert said("[a](b) [c](d e) [f](<g> 'h') ](i)") == "a [c](d e) f ](i)"


def test_plain_text_has_only_hints_in_it() -> None:
    out, text_filter = filtered("*a* <sub alias='x'>b</sub> <i> < <su", markup=False)
    assert text_filter.waiting == "<su"
    text_filter.finish()
    assert out.mapped.text == f"*a* {STAND_IN} <i> < <su"
