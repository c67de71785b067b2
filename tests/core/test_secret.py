from __future__ import annotations

import copy

import attrs
import pytest

from trioaudio.core.secret import Secret, masked_url

HIDDEN = "hush-hush-42"


@attrs.frozen
class Holder:
    secret: Secret
    name: str = "n"


def test_only_get_gives_it_away() -> None:
    secret = Secret(HIDDEN)
    holder = Holder(secret)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>30}",
        f"{secret:>30}",
        "{}".format(secret),  # noqa: UP032 - another way to format
        "%s %r" % (secret, secret),  # noqa: UP031 - another way to format
        repr(holder),
        str({"a": [secret]}),
        str(ValueError(secret)),
    ]
    assert secret.get() == HIDDEN
    assert all(HIDDEN not in text and "***" in text for text in shown)


def test_an_empty_one_shows_that_it_is_empty() -> None:
    assert not Secret()
    assert str(Secret()) == ""
    assert repr(Secret()) == "Secret('')"
    assert Secret("x")


def test_compares_by_what_it_hides() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert {Secret("a"), Secret("a")} == {copy.deepcopy(Secret("a"))}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://h:9/p", "wss://h:9/p"),
        ("wss://u:hush@h/p?token=hush#hush", "wss://***@h/p?***#***"),
        ("ws://[::1]:8/x?hush", "ws://[::1]:8/x?***"),
        ("nonsense?hush", "***"),
        ("u:hush@h/p", "***"),
        ("nonsense", "nonsense"),
        ("", ""),
        ("ws://[hush", "***"),
    ],
)
def test_masked_url(url: str, shown: str) -> None:
    assert masked_url(url) == shown
