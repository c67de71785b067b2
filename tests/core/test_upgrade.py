import attrs
import pytest

from trioaudio.core.errors import TrioaudioError
from trioaudio.core.upgrade import UNAUTHORIZED, UpgradeRefusedError, UpgradeRequest

REQUEST = UpgradeRequest(
    origin="wss://voice.example.com",
    path="/media/x",
    query="",
    headers={},
    peer="203.0.113.9:4711",
    at=0.0,
)


def test_the_url_is_what_was_dialled() -> None:
    assert REQUEST.url == "wss://voice.example.com/media/x"
    assert attrs.evolve(REQUEST, query="a=1&b=%20").url.endswith("/media/x?a=1&b=%20")


def test_a_refusal_has_a_status() -> None:
    assert UpgradeRefusedError("wrong").status == 403
    assert UpgradeRefusedError("none", status=UNAUTHORIZED).status == 401
    with pytest.raises(TrioaudioError, match="wrong"):
        raise UpgradeRefusedError("wrong")
