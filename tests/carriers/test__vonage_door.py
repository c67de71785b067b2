import base64
import hmac
import warnings
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers._vonage_door import DOOR_CHECK, check_token
from trioaudio.carriers.vonage import CARRIER, VonageSettings
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

SECRET = "a secret of Vonage's own making, long enough"
SETTINGS = VonageSettings(signature_secret=Secret(SECRET), application_id="app-1")
NOW = 1_800_000_000


def token(key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    told = {"iss": "Vonage", "iat": NOW, "exp": NOW + 300, "application_id": "app-1", **claims}
    kept = {name: value for name, value in told.items() if value is not None}
    with warnings.catch_warnings():  # of keys that are too short
        warnings.simplefilter("ignore")
        return jwt.encode(kept, key, algorithm=algorithm)


def request(authorization: str | None, at: float = NOW) -> UpgradeRequest:
    headers = {} if authorization is None else {"authorization": authorization}
    return UpgradeRequest("wss://v.example.com", "/m", "", headers, "203.0.113.9:1", at)


def refused(asked: UpgradeRequest, settings: CarrierSettings = SETTINGS) -> UpgradeRefusedError:
    with pytest.raises(UpgradeRefusedError) as caught:
        check_token(settings, asked)
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {token()}",
        f"bearer  {token()} ",
        f"Bearer {token(nbf=NOW)}",
        f"Bearer {token(exp=str(NOW + 300))}",
        f"Bearer {token(exp=None)}",
        f"Bearer {token(iat=None)}",
        f"Bearer {token(application_id=None)}",
        f"Bearer {token(aud='somebody')}",
        f"Bearer {token(iat=NOW + 50, nbf=NOW + 59)}",
        f"Bearer {token(exp=NOW - 59)}",
        f"Bearer {token(exp=None, iat=NOW - 359)}",
    ],
)
def test_a_token_signed_by_vonage_is_let_in(authorization: str) -> None:
    check_token(SETTINGS, request(authorization))


def test_any_application_is_let_in_when_none_is_named() -> None:
    settings = VonageSettings(signature_secret=Secret(SECRET))
    check_token(settings, request(f"Bearer {token(application_id='app-2')}"))


def test_a_short_secret_is_vonages_decision() -> None:
    check_token(
        VonageSettings(signature_secret=Secret("short")), request(f"Bearer {token('short')}")
    )


@pytest.mark.parametrize("authorization", [None, "", "Basic dTpw", "Token x", "Bearer_x"])
def test_no_token_is_401(authorization: str | None) -> None:
    assert refused(request(authorization)).status == 401


@pytest.mark.parametrize(
    "bearer",
    [
        "",
        "x",
        "a.b.c",
        token("another secret that is long enough!!"),
        token(algorithm="HS384"),
        token(algorithm="HS512"),
        token(algorithm="none", key=""),
        token()[:-2],
        token().rsplit(".", 1)[0] + ".",
        ".".join([token(algorithm="none", key="").split(".")[0], *token().split(".")[1:]]),
        token() + "\N{GRINNING FACE}",
        token() + "\ud800",
    ],
)
def test_a_token_signed_by_others_is_403(bearer: str) -> None:
    error = refused(request(f"Bearer {bearer}"))
    assert error.status == 403
    assert "signature_secret" in str(error)


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"exp": NOW - 61}, "too old"),
        ({"exp": None, "iat": NOW - 361}, "too old"),
        ({"nbf": NOW + 61}, "from the future"),
        ({"iat": NOW + 61}, "from the future"),
        ({"exp": None, "iat": None}, "good for ever"),
        ({"exp": "soon"}, "claim exp that is no time"),
        ({"nbf": True}, "claim nbf that is no time"),
        ({"iat": [NOW]}, "claim iat that is no time"),
        ({"exp": 1e30}, "claim exp that is no time"),
        ({"application_id": "app-2"}, "another application"),
        ({"application_id": ["app-1"]}, "another application"),
    ],
)
def test_a_token_for_another_time_or_application_is_403(claims: Any, says: str) -> None:
    error = refused(request(f"Bearer {token(**claims)}"))
    assert error.status == 403
    assert says in str(error)


def test_a_header_nested_without_end_is_refused() -> None:
    nested = jwt.utils.base64url_encode(b"[" * 20_000).decode()
    assert refused(request(f"Bearer {nested}.e30.AAAA")).status == 403


def test_without_a_secret_nobody_is_let_in() -> None:
    signed = token().rsplit(".", 1)[0]
    forged = base64.urlsafe_b64encode(hmac.digest(b"", signed.encode(), "sha256")).decode()
    asked = request(f"Bearer {signed}.{forged.rstrip('=')}")
    assert refused(asked, CARRIER.settings).status == 403
    assert refused(asked, CarrierSettings()).status == 403


@given(st.text(max_size=40), st.text(max_size=40) | st.just("."), st.floats())
def test_junk_is_refused_and_nothing_else(before: str, after: str, at: float) -> None:
    refused(request(f"Bearer {before}.{after}.", at))
    refused(request(before, at))


def test_the_check_says_what_it_needs() -> None:
    assert DOOR_CHECK.check is check_token
    assert DOOR_CHECK.missing(CARRIER.settings) == "signature_secret"
    assert DOOR_CHECK.missing(SETTINGS) is None
    assert DOOR_CHECK.proof == "Authorization: Bearer, a JWT signed with HS256"
