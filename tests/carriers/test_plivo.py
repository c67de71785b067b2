"""What is Plivo's own: its description, and how it proves itself at the door."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers._plivo_streams import PlivoStreamCodec
from trioaudio.carriers.plivo import CARRIER, PlivoSettings, check_signature
from trioaudio.core.carrier import CarrierSettings, MarksAfterClear, Recovery, SendDtmf
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

DATA = json.loads((Path(__file__).parent / "signatures" / "plivo.json").read_text(encoding="utf-8"))
TOKEN: str = DATA["auth_token"]
SETTINGS = PlivoSettings(auth_token=Secret(TOKEN))
NONCE: str = DATA["nonce"]
HOST = "wss://voice.example.com"

FITTING = DATA["vectors"][1]["signature"]


def request(
    signature: str | None = FITTING,
    nonce: str | None = NONCE,
    *,
    origin: str = HOST,
    path: str = "/media/abc",
    query: str = "",
    header: str = "x-plivo-signature-v3",
) -> UpgradeRequest:
    headers = {header: signature, "x-plivo-signature-v3-nonce": nonce}
    given_ones = {name: value for name, value in headers.items() if value is not None}
    return UpgradeRequest(origin, path, query, given_ones, "203.0.113.9:1", 0.0)


def signed(url: str) -> str:
    digest = hmac.new(TOKEN.encode(), f"{url}.{NONCE}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def refused(asked: UpgradeRequest, settings: CarrierSettings = SETTINGS) -> UpgradeRefusedError:
    with pytest.raises(UpgradeRefusedError) as caught:
        check_signature(settings, asked)
    assert TOKEN not in str(caught.value)
    assert FITTING not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("vector", DATA["vectors"], ids=lambda vector: vector["signed"])
def test_what_the_vendors_package_signs_is_let_in(vector: dict[str, str]) -> None:
    asked = request(
        vector["signature"], origin=vector["origin"], path=vector["path"], query=vector["query"]
    )
    check_signature(SETTINGS, asked)


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
@pytest.mark.parametrize("tail", ["/m", "/m/websocket", "/m?a=1", "/m/websocket?a=1"])
@pytest.mark.parametrize(
    "origin", ["wss://h.example.com", "ws://h.example.com", "https://h.example.com"]
)
def test_any_likely_spelling_of_the_url_may_be_signed(scheme: str, tail: str, origin: str) -> None:
    signature = signed(f"{scheme}://h.example.com{tail}")
    check_signature(SETTINGS, request(signature, origin=origin, path="/m", query="a=1"))


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example.com/n",
        "https://h.example.com/m?a=2",
        "https://g.example.com/m",
        "ftp://h.example.com/m",
        "https://h.example.com/m/websocket/websocket",
    ],
)
def test_another_url_may_not(url: str) -> None:
    asked = request(signed(url), origin="wss://h.example.com", path="/m", query="a=1")
    assert refused(asked).status == 403


def test_several_signatures_and_the_main_accounts_are_looked_at() -> None:
    check_signature(SETTINGS, request(f"AAAA, {FITTING},BBBB"))
    check_signature(SETTINGS, request(FITTING, header="x-plivo-signature-ma-v3"))
    both = request("AAAA")
    more = {**both.headers, "x-plivo-signature-ma-v3": FITTING}
    check_signature(SETTINGS, attrs.evolve(both, headers=more))


def test_but_not_any_number_of_them() -> None:
    assert refused(request(f"{'A,' * 1000}{FITTING}")).status == 403


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (request(None), "sent no X-Plivo-Signature-V3 header"),
        (request(FITTING, None), "sent no X-Plivo-Signature-V3-Nonce header"),
    ],
)
def test_no_proof_at_all_is_401(asked: UpgradeRequest, says: str) -> None:
    error = refused(asked)
    assert error.status == 401
    assert says in str(error)


@pytest.mark.parametrize(
    "asked",
    [
        request(""),
        request(FITTING[:-1]),
        request(FITTING.lower()),
        request(FITTING, "another nonce"),
        request(FITTING, ""),
        request(FITTING, path="/media/abd"),
    ],
)
def test_a_wrong_proof_is_403_and_says_what_to_look_at(asked: UpgradeRequest) -> None:
    error = refused(asked)
    assert error.status == 403
    assert f"does not fit {asked.origin}/...;" in str(error)  # the path is a key
    assert "public URL" in str(error)


def test_a_token_in_the_query_is_not_shown() -> None:
    assert "hidden" not in str(refused(request("AAAA", query="token=hidden")))


def test_without_a_token_nobody_is_let_in() -> None:
    url = f"{HOST}/media/abc"
    digest = hmac.new(b"", f"{url}.{NONCE}".encode(), hashlib.sha256).digest()
    asked = request(base64.b64encode(digest).decode())
    assert refused(asked, CARRIER.settings).status == 403
    assert refused(asked, CarrierSettings()).status == 403


@given(
    signature=st.text(max_size=50),
    nonce=st.text(max_size=20),
    path=st.text(max_size=20),
    query=st.text(max_size=20),
)
def test_junk_is_refused_and_nothing_else(
    signature: str, nonce: str, path: str, query: str
) -> None:
    refused(request(signature, nonce, path=path, query=query))


def test_the_description() -> None:
    assert CARRIER.door_check is not None
    assert CARRIER.door_check.missing(CARRIER.settings) == "auth_token"
    assert CARRIER.door_check.missing(SETTINGS) is None
    assert CARRIER.encodings[0] is Encoding.PCM16
    assert CARRIER.marks_after_clear is MarksAfterClear.DROPPED
    assert CARRIER.recovery is Recovery.WAIT
    assert CARRIER.subprotocols == ("audio.drachtio.org",)
    assert CARRIER.settings.lead_ms == 180
    settings: Any = CARRIER.settings
    assert settings.rest_url == "https://api.plivo.com"
    assert TOKEN not in repr(SETTINGS)


def test_its_codec_presses_keys() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    assert isinstance(codec, PlivoStreamCodec)
    assert codec.send(SendDtmf("1"))
