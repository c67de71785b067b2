from __future__ import annotations

from typing import Any

import attrs
import pytest

from call_control.webhooks import webhook
from trioaudio.call_control import call_control_names, load_call_control
from trioaudio.carriers import load_carrier
from trioaudio.carriers.twilio import TwilioSettings
from trioaudio.carriers.vobiz import VobizSettings
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import FORBIDDEN, UNAUTHORIZED
from trioaudio.core.webhook import WebhookRefusedError, WebhookRequest
from trioaudio.net.webhook_policy import WebhookPolicy, webhook_policy_for
from trioaudio.settings import Settings

KEY = Secret("hush-hush-a-long-random-key")
NO_KEY = Secret()
TWILIO = TwilioSettings(auth_token=Secret("12345"))
FITS = {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}


def policy(
    name: str,
    own: CarrierSettings | None = None,
    key: Secret = NO_KEY,
    host: str = "127.0.0.1",
    **more: Any,
) -> WebhookPolicy:
    control = load_call_control(name)
    own = own or load_carrier(name).settings
    return webhook_policy_for(control, own, Settings(**more), host, key=key)


def with_key(request: WebhookRequest, key: str | None) -> WebhookRequest:
    return attrs.evolve(request, key=key)


def status_of(found: WebhookPolicy, request: WebhookRequest) -> int:
    with pytest.raises(WebhookRefusedError) as caught:
        found.check(request)
    assert "hush" not in str(caught.value)
    return caught.value.status


def test_a_signature_is_checked_where_its_secret_is_set() -> None:
    for key in (NO_KEY, KEY):
        found = policy("twilio", TWILIO, key)
        assert (found.proof, found.path) == ("X-Twilio-Signature", "/answer/twilio")
        found.check(webhook("twilio", FORM, url=URL, headers=FITS))
        assert status_of(found, webhook("twilio", FORM, url=URL)) == UNAUTHORIZED
        wrong = webhook("twilio", {**FORM, "To": "+1"}, url=URL, headers=FITS)
        assert status_of(found, wrong) == FORBIDDEN
        # A key does not stand in for a signature, and a wrong one is a guess.
        right = None if key is NO_KEY else KEY.get()
        if right:
            assert status_of(found, with_key(webhook("twilio", FORM), right)) == UNAUTHORIZED
        signed = webhook("twilio", FORM, url=URL, headers=FITS)
        assert status_of(found, with_key(signed, "hush")) == FORBIDDEN


def test_else_a_key_in_the_path() -> None:
    found = policy("telecmi", key=KEY)
    assert (found.proof, found.path) == ("a key in the path", f"/answer/telecmi/{KEY.get()}")
    assert "hush" not in repr(found)
    found.check(with_key(webhook("telecmi"), KEY.get()))
    assert status_of(found, webhook("telecmi")) == UNAUTHORIZED
    assert status_of(found, with_key(webhook("telecmi"), "hush")) == FORBIDDEN
    assert status_of(found, with_key(webhook("telecmi"), "\udcff")) == FORBIDDEN
    assert policy("twilio", key=KEY).proof == "a key in the path"


def test_a_carrier_that_may_sign_nothing_is_known_by_the_key_then() -> None:
    own = VobizSettings(auth_token=Secret("token"))
    found = policy("vobiz", own, KEY)
    assert found.path == f"/answer/vobiz/{KEY.get()}"
    found.check(with_key(webhook("vobiz"), KEY.get()))
    assert status_of(found, webhook("vobiz")) == UNAUTHORIZED
    nonsense = {"X-Vobiz-Signature-V3": "x", "X-Vobiz-Signature-V3-Nonce": "y"}
    wrong = with_key(webhook("vobiz", headers=nonsense), KEY.get())
    assert status_of(found, wrong) == FORBIDDEN
    assert policy("vobiz", own).path == "/answer/vobiz"


@pytest.mark.parametrize("name", call_control_names())
def test_with_nothing_to_check_nobody_asks(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(name)
    (problem,) = caught.value.problems
    assert "TRIOAUDIO_WEBHOOK_KEY to a long random text" in problem
    assert f"/answer/{name}/" in problem
    signs = load_call_control(name).webhook_check is not None
    assert problem.startswith(f"TRIOAUDIO_{name.upper()}_") is signs


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="TRIOAUDIO_WEBHOOK_KEY: shorter than 16") as caught:
        policy("telecmi", key=Secret("hush"))
    assert "hush" not in str(caught.value)


def test_proof_may_be_off_on_this_machine_or_be_forced_off() -> None:
    found = policy("telecmi", authentication="off")
    assert (found.proof, found.warning) == ("nothing", None)
    found.check(webhook("telecmi"))
    assert status_of(found, with_key(webhook("telecmi"), "x")) == FORBIDDEN
    with pytest.raises(ConfigError, match="TRIOAUDIO_AUTHENTICATION=off"):
        policy("telecmi", host="0.0.0.0", authentication="off")  # noqa: S104
    warned = policy("telecmi", host="0.0.0.0", authentication="forced-off")  # noqa: S104
    assert warned.warning is not None
    # What can be checked is.
    assert policy("twilio", TWILIO, authentication="off").proof == "X-Twilio-Signature"
