"""What is asked to find out whether credentials are good: something that changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.call_control import exotel, plivo, telecmi, telnyx, twilio, vobiz, vonage
from trioaudio.carriers.exotel import ExotelSettings
from trioaudio.carriers.plivo import PlivoSettings
from trioaudio.carriers.telnyx import TelnyxSettings
from trioaudio.carriers.twilio import TwilioSettings
from trioaudio.carriers.vonage import VonageSettings
from trioaudio.core.call_control import CallControl, SignedToken
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret

TOKEN = Secret("the-token")
KEY = Path("private.key")


@pytest.mark.parametrize(
    ("control", "settings", "url", "basic", "bearer"),
    [
        (
            twilio.CALL_CONTROL,
            TwilioSettings(account_sid="AC0123", auth_token=TOKEN),
            "https://api.twilio.com/2010-04-01/Accounts/AC0123.json",
            ("AC0123", TOKEN),
            None,
        ),
        (
            plivo.CALL_CONTROL,
            PlivoSettings(auth_id="MA01", auth_token=TOKEN),
            "https://api.plivo.com/v1/Account/MA01/",
            ("MA01", TOKEN),
            None,
        ),
        (
            telnyx.CALL_CONTROL,
            TelnyxSettings(api_key=TOKEN, connection_id="c-1"),
            "https://api.telnyx.com/v2/call_control_applications/c-1",
            None,
            TOKEN,
        ),
        (
            exotel.CALL_CONTROL,
            ExotelSettings(account_sid="acme1", api_key="key-1", api_token=TOKEN),
            "https://api.in.exotel.com/v1/Accounts/acme1/Calls.json?PageSize=1",
            ("key-1", TOKEN),
            None,
        ),
        (
            vonage.CALL_CONTROL,
            VonageSettings(application_id="app-1", private_key_file=KEY),
            "https://api.nexmo.com/v1/calls?page_size=1",
            None,
            SignedToken(KEY, {"application_id": "app-1"}),
        ),
    ],
)
def test_it_reads_and_may_be_repeated(
    control: CallControl,
    settings: CarrierSettings,
    url: str,
    basic: tuple[str, Secret] | None,
    bearer: Secret | SignedToken | None,
) -> None:
    assert control.probe is not None
    request = control.probe(settings)
    assert (request.method, request.url) == ("GET", url)
    assert (request.basic, request.bearer) == (basic, bearer)
    assert request.json is None
    assert request.form is None
    assert request.safe_to_repeat


def test_where_none_is_documented_there_is_none() -> None:
    assert telecmi.CALL_CONTROL.probe is vobiz.CALL_CONTROL.probe is None
