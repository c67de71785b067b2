import pytest

from trioaudio.core.front_end.addresses import (
    DOMAIN,
    EMAIL,
    host_of,
    say_email,
    say_host,
    written_url,
)

WORDS = {".": "dot", "@": "at", "_": "underscore"}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a.com/x.", "https://a.com/x"),
        ("https://a.com/x),", "https://a.com/x"),
        ("https://a.com/x_(y)", "https://a.com/x_(y)"),
        ("www.a.com**", "www.a.com"),
        ("https://a.com/?!", "https://a.com/"),
    ],
)
def test_a_sentences_signs_are_not_the_urls(text: str, url: str) -> None:
    assert written_url(text) == url


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.example.com/path?x=1", "example.com"),
        ("HTTP://u:p@a.b:80#c", "a.b"),
        ("www.a.org", "a.org"),
        ("localhost", "localhost"),
        ("///", "///"),
    ],
)
def test_hosts(url: str, host: str) -> None:
    assert host_of(url) == host


def test_what_is_said() -> None:
    assert say_host("a.b-c.com", WORDS) == "a dot b-c dot com"
    assert say_host("a.com", {}) == "a.com"
    assert say_host(".".join("abcdefg"), WORDS) == "c dot d dot e dot f dot g"
    assert len(say_host("a" * 999, WORDS)) == 150
    assert say_email("a.b_c@d.com", WORDS) == "a dot b underscore c at d dot com"
    assert say_email("a-b@c.com", WORDS) == "a-b at c dot com"


@pytest.mark.parametrize("text", ["a.b@c.de", "x+1@y-z.co.in", "a_b@c.com"])
def test_email(text: str) -> None:
    assert EMAIL.fullmatch(text) is not None


@pytest.mark.parametrize("text", ["example.com", "a.co.in", "docs.x.io/y/z"])
def test_domains(text: str) -> None:
    assert DOMAIN.fullmatch(text) is not None


@pytest.mark.parametrize(
    "text", ["file.txt", "e.g.this", "1.2.3", "end.Next", "x@example.com", "com"]
)
def test_no_domains(text: str) -> None:
    assert DOMAIN.search(text) is None
