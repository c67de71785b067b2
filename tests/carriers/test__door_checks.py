import base64

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers._door_checks import (
    basic_door_check,
    bearer_door_check,
    header_door_check,
    text_setting,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import DoorCheck, UpgradeRefusedError, UpgradeRequest

PEER = "192.0.2.7:40000"


@attrs.frozen
class DoorSettings(CarrierSettings):
    user: str = "carrier"
    password: Secret = Secret("söcret:with colon")
    token: Secret = Secret("t0ken")


SETTINGS = DoorSettings()
UNSET = DoorSettings(user="", password=Secret(), token=Secret())
BASIC = basic_door_check()
BEARER = bearer_door_check("token")
HEADER = header_door_check("X-Own-Token", "token")


def asking(headers: dict[str, str]) -> UpgradeRequest:
    return UpgradeRequest("wss://voice.example.com", "/media", "", headers, PEER, 1_800_000_000.0)


def basic(credentials: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def refusal(
    check: DoorCheck, headers: dict[str, str], settings: CarrierSettings = SETTINGS
) -> UpgradeRefusedError:
    with pytest.raises(UpgradeRefusedError) as refused:
        check.check(settings, asking(headers))
    return refused.value


@pytest.mark.parametrize(
    ("check", "headers"),
    [
        (BASIC, basic("carrier:söcret:with colon")),
        (
            BASIC,
            {"authorization": "bAsIc   " + basic("carrier:söcret:with colon")["authorization"][6:]},
        ),
        (BEARER, {"authorization": "Bearer t0ken"}),
        (BEARER, {"authorization": "bearer t0ken "}),
        (HEADER, {"x-own-token": "t0ken"}),
    ],
)
def test_who_knows_the_secret_is_let_in(check: DoorCheck, headers: dict[str, str]) -> None:
    check.check(SETTINGS, asking(headers))


def test_the_settings_may_have_other_names() -> None:
    check = basic_door_check("token", "user")
    check.check(SETTINGS, asking(basic("t0ken:carrier")))
    assert refusal(check, basic("carrier:t0ken")).status == 403


def test_the_user_may_be_empty_and_the_password_may_not() -> None:
    settings = DoorSettings(user="")
    BASIC.check(settings, asking(basic(":söcret:with colon")))
    assert refusal(BASIC, basic("carrier:"), DoorSettings(password=Secret())).status == 403


@pytest.mark.parametrize(
    ("check", "headers", "status"),
    [
        (BASIC, {}, 401),
        (BASIC, {"authorization": ""}, 401),
        (BASIC, {"authorization": "Bearer t0ken"}, 401),
        (BASIC, {"authorization": "Basic"}, 403),
        (BASIC, {"authorization": "Basic not base64"}, 403),
        (BASIC, {"authorization": "Basic ñ"}, 403),
        (BASIC, basic("carrier"), 403),
        (BASIC, basic("carrier:wrong"), 403),
        (BASIC, basic("somebody:söcret:with colon"), 403),
        (BEARER, {}, 401),
        (BEARER, basic("carrier:söcret:with colon"), 401),
        (BEARER, {"authorization": "Bearer"}, 403),
        (BEARER, {"authorization": "Bearer t0ken2"}, 403),
        (HEADER, {}, 401),
        (HEADER, {"x-own-token": ""}, 403),
        (HEADER, {"x-own-token": "t0ken, t0ken"}, 403),
        (HEADER, {"x-own-token": "\ud800ñ"}, 403),
    ],
)
def test_who_does_not_is_refused(check: DoorCheck, headers: dict[str, str], status: int) -> None:
    refused = refusal(check, headers)
    assert refused.status == status
    assert PEER in str(refused)


@pytest.mark.parametrize(
    ("check", "headers"),
    [
        (BASIC, basic(":")),
        (BEARER, {"authorization": "Bearer "}),
        (HEADER, {"x-own-token": ""}),
    ],
)
def test_an_empty_secret_lets_nobody_in(check: DoorCheck, headers: dict[str, str]) -> None:
    assert refusal(check, headers, UNSET).status == 403


@pytest.mark.parametrize(
    ("check", "field"), [(BASIC, "password"), (BEARER, "token"), (HEADER, "token")]
)
def test_what_is_missing_is_named(check: DoorCheck, field: str) -> None:
    assert check.missing(SETTINGS) is None
    assert check.missing(UNSET) == field
    assert check.missing(CarrierSettings()) == field


def test_the_proof_is_said_in_words_people_know() -> None:
    proofs = [each.proof for each in (BASIC, BEARER, HEADER)]
    assert proofs == ["Authorization: Basic", "Authorization: Bearer", "X-Own-Token"]


def test_a_setting_is_read_whether_it_is_secret_or_not() -> None:
    fields = [text_setting(SETTINGS, name) for name in ("user", "token", "nonsense")]
    assert fields == ["carrier", "t0ken", ""]


@given(
    value=st.text(st.characters(), max_size=300), name=st.sampled_from(["Basic ", "Bearer ", ""])
)
@pytest.mark.parametrize("check", [BASIC, BEARER, HEADER])
def test_no_header_is_an_error_of_another_kind(check: DoorCheck, name: str, value: str) -> None:
    refused = refusal(check, {"authorization": name + value, "x-own-token": value})
    assert refused.status in (401, 403)
    assert "t0ken" not in str(refused)
    assert "söcret" not in str(refused)
