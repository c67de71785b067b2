from __future__ import annotations

from pathlib import Path

import attrs

from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    CallControlError,
    RestRequest,
    RestValue,
    SignedToken,
    masked,
    revealed,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret


@attrs.frozen
class Account(CarrierSettings):
    user: str = ""
    token: Secret = Secret()


def test_an_error_says_what_is_known() -> None:
    error = CallControlError("no", status=401, code="20003", maybe_done=True)
    assert (str(error), error.status, error.code, error.maybe_done) == ("no", 401, "20003", True)
    bare = CallControlError("no")
    assert (bare.status, bare.code, bare.maybe_done) == (None, None, False)


def test_secrets_are_revealed_wherever_they_stand() -> None:
    value: RestValue = {
        "a": Secret("x"),
        "b": [{"c": Secret("y")}, "z"],
        "d": 1,
        "e": None,
        "f": True,
    }
    assert revealed(value) == {"a": "x", "b": [{"c": "y"}, "z"], "d": 1, "e": None, "f": True}


def test_a_request_shows_no_secret() -> None:
    request = RestRequest(
        "POST",
        "https://carrier.example/calls",
        json={"secret": Secret("json-secret"), "deep": [{"token": Secret("deep-secret")}]},
        form=(("Twiml", Secret("form-secret")),),
        basic=("user", Secret("basic-secret")),
        bearer=Secret("bearer-secret"),
    )
    assert "-secret" not in repr(request)
    assert "-secret" not in repr(AnswerDocument("text/plain", "body-secret"))


def test_secrets_are_masked_in_the_carriers_words() -> None:
    request = RestRequest(
        "POST",
        "https://carrier.example/calls",
        json={"secret": Secret("json-secret"), "deep": [{"x": Secret("deep-secret")}, 1]},
        form=(("Twiml", Secret("form-secret")), ("To", "+919800000000")),
        basic=("user", Secret("basic-secret")),
        bearer=Secret("bearer-secret"),
    )
    words = (
        "json-secret deep-secret form-secret basic-secret bearer-secret other-secret"
        " dXNlcjpiYXNpYy1zZWNyZXQ= +919800000000"
    )
    assert masked(words, request, ["other-secret"]) == "*** *** *** *** *** *** *** +919800000000"


def test_a_header_s_secret_is_masked_and_its_plain_value_is_not() -> None:
    headers = (("X-Auth-ID", "account-1"), ("X-Auth-Token", Secret("header-secret")))
    request = RestRequest("GET", "https://carrier.example/", headers=headers)
    assert masked("account-1 header-secret", request) == "account-1 ***"


def test_what_is_too_short_to_be_a_secret_masks_no_words() -> None:
    request = RestRequest("GET", "https://carrier.example/", form=(("a", Secret("is")),))
    assert masked("this is it", request) == "this is it"


def test_the_longer_secret_is_masked_first() -> None:
    request = RestRequest("GET", "u", form=(("a", Secret("abcdef")), ("b", Secret("abcdefghij"))))
    assert masked("abcdefghij", request) == "***"


def test_a_token_to_be_signed_is_no_secret_by_itself() -> None:
    token = SignedToken(Path("key.pem"), {"application_id": "abcdefgh"})
    request = RestRequest("GET", "u", bearer=token)
    assert masked("abcdefgh", request) == "abcdefgh"


def test_missing_credentials_are_named() -> None:
    control = CallControl("acme", "https://acme.example", credentials=("user", "token"))
    assert control.missing(Account()) == ["user", "token"]
    assert control.missing(Account(user="u")) == ["token"]
    assert control.missing(Account(user="u", token=Secret("t"))) == []


def test_it_knows_the_error_that_means_the_call_is_over() -> None:
    control = CallControl("acme", "https://acme.example", over=frozenset({"404", "90018"}))
    assert control.is_over(CallControlError("gone", status=404))
    assert control.is_over(CallControlError("gone", status=422, code="90018"))
    assert not control.is_over(CallControlError("no", status=401, code="20003"))
    assert not control.is_over(CallControlError("no network"))
