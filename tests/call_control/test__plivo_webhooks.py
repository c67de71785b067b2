"""Signatures of Plivo, the vectors made with its own client 4.63.0, and of Vobiz."""

from __future__ import annotations

import base64
import hmac

import attrs
import pytest

from call_control.webhooks import check, read, webhook, with_headers
from trioaudio.call_control import load_call_control
from trioaudio.carriers.plivo import PlivoSettings
from trioaudio.carriers.vobiz import VobizSettings
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UNAUTHORIZED
from trioaudio.core.webhook import CallStage, WebhookRefusedError, WebhookRequest

TOKEN = "MA-token-1"
NONCE = "05429567804466091622"
OURS = PlivoSettings(auth_token=Secret(TOKEN))
THEIRS = VobizSettings(auth_token=Secret(TOKEN))
ASKED = {
    "CallUUID": "u-1",
    "From": "919800000000",
    "To": "918040000000",
    "Event": "StartApp",
    "CallStatus": "ringing",
    "Direction": "inbound",
}
VECTORS = [
    (ASKED, "", "drQWwGKY1eU7dW3cQjRvUxC+z0vQfPA8dKDv99m2sSc="),
    (
        {"CallUUID": "u-1", "Name": "J\xfcrgen & Co"},
        "b=2&a=1&a=0",
        "JCFu+3ZfZf8rE+Ot7m968jKyBejFot9zVItK76KZFEU=",
    ),
    (
        None,
        "CallUUID=u-1&From=%2B91&Event=StartApp",
        "sufV86fjZt1odjFdAsSDWhSEDo/gBBPiUTaxhP+QffI=",
    ),
    (None, "", "58PwoMyIl69l7MDDiMaLngH996Za95N5qczBI/EywJ4="),
]


def signed(
    signature: str, form: dict[str, str] | None = None, query: str = "", version: str = "V3"
) -> WebhookRequest:
    headers = {
        f"X-Plivo-Signature-{version}": signature,
        f"X-Plivo-Signature-{version}-Nonce": NONCE,
    }
    return webhook("plivo", form, query=query, headers=headers)


def mac_of(text: str) -> str:
    return base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha256")).decode()


@pytest.mark.parametrize(("form", "query", "signature"), VECTORS)
def test_the_vendors_own_signatures(
    form: dict[str, str] | None, query: str, signature: str
) -> None:
    check(signed(signature, form, query), OURS)
    check(signed(f"other, {signature}", form, query), OURS)  # one for each valid token
    with pytest.raises(WebhookRefusedError, match="X-Plivo-Signature-V3 from"):
        check(signed(signature, form, f"{query}&x=1"), OURS)
    with pytest.raises(WebhookRefusedError):
        check(attrs.evolve(signed(signature, form, query), path="/answer/plivo/x"), OURS)


def test_what_is_no_ascii_may_be_encoded_once() -> None:
    mac = mac_of(f"https://voice.example.com/answer/plivo?NameJ\xfcrgen.{NONCE}")
    check(signed(mac, {"Name": "J\xfcrgen"}), OURS)


def test_a_main_accounts_signature_will_do() -> None:
    form, query, signature = VECTORS[0]
    request = webhook(
        "plivo",
        form,
        query=query,
        headers={"X-Plivo-Signature-Ma-V3": signature, "X-Plivo-Signature-V3-Nonce": NONCE},
    )
    check(request, OURS)


def test_the_second_version_counts_where_there_is_no_third() -> None:
    mac = mac_of(f"https://voice.example.com/answer/plivo{NONCE}")
    check(signed(mac, ASKED, "a=1", "V2"), OURS)
    with pytest.raises(WebhookRefusedError, match="V2 from"):
        check(signed(mac[::-1], ASKED, "", "V2"), OURS)
    both = with_headers(signed(mac, ASKED, "", "V2"), X_Plivo_Signature_V3="wrong")
    with pytest.raises(WebhookRefusedError):
        check(with_headers(both, X_Plivo_Signature_V3_Nonce=NONCE), OURS)


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Plivo-Signature-V3-Nonce": NONCE}, {"X-Plivo-Signature-V3": "x"}],
)
def test_without_a_signature(headers: dict[str, str]) -> None:
    with pytest.raises(WebhookRefusedError, match="sent no X-Plivo-Signature-V3") as caught:
        check(webhook("plivo", ASKED, headers=headers), OURS)
    assert caught.value.status == UNAUTHORIZED


def test_nobody_signs_with_an_empty_token() -> None:
    text = f"https://voice.example.com/answer/plivo.{NONCE}"
    mac = base64.b64encode(hmac.digest(b"", text.encode(), "sha256")).decode()
    with pytest.raises(WebhookRefusedError):
        check(signed(mac), PlivoSettings())


@pytest.mark.parametrize(("version", "point"), [("V3", "."), ("V2", "")])
def test_vobiz_signs_the_url_without_its_query(version: str, point: str) -> None:
    mac = mac_of(f"https://voice.example.com/answer/vobiz{point}{NONCE}")
    headers = {f"X-Vobiz-Signature-{version}": mac, f"X-Vobiz-Signature-{version}-Nonce": NONCE}
    check(webhook("vobiz", ASKED, query="a=1", headers=headers), THEIRS)
    with pytest.raises(WebhookRefusedError, match="are the public URL and auth_token right"):
        check(webhook("vobiz", ASKED, headers={**headers, **dict.fromkeys(headers, "x")}), THEIRS)


def test_vobiz_may_sign_nothing() -> None:
    proofs = [load_call_control(name).webhook_check for name in ("plivo", "vobiz")]
    assert [proof is not None and proof.always for proof in proofs] == [True, False]


@pytest.mark.parametrize("carrier", ["plivo", "vobiz"])
@pytest.mark.parametrize(
    ("more", "stage"),
    [
        ({"Event": "StartApp", "CallStatus": "ringing"}, CallStage.ASKS),
        ({"CallStatus": "in-progress", "Direction": "outbound"}, CallStage.ASKS),
        ({"Event": "Ring", "CallStatus": "ringing"}, CallStage.GOES_ON),
        ({"Event": "StartStream"}, CallStage.GOES_ON),
        ({"Event": "Hangup", "CallStatus": "completed"}, CallStage.OVER),
        ({"CallStatus": "Busy"}, CallStage.OVER),
    ],
)
def test_what_is_told(carrier: str, more: dict[str, str], stage: CallStage) -> None:
    call = read(webhook(carrier, {"CallUUID": "u-1", "From": "91", "To": "92", **more}))
    assert (call.call_id, call.stage, call.caller, call.called) == ("u-1", stage, "91", "92")
    assert call.inbound is ("Direction" not in more)
    assert call.status == more.get("CallStatus", more.get("Event"))


def test_a_body_that_nothing_signs_is_not_read() -> None:
    told = {"CallUUID": "another", "Event": "Hangup"}
    call = read(webhook("plivo", told=told, query="CallUUID=u-1&Event=StartApp"))
    assert (call.call_id, call.stage) == ("u-1", CallStage.ASKS)
