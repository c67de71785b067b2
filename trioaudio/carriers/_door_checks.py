"""What several carriers bring along when they dial: a name and password, or a token, agreed before.

HTTP Basic (RFC 7617), HTTP Bearer (RFC 6750), or a header of the carrier's own. Each is made for
the names of the settings that hold the secret, so that it works on any carrier's settings.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UNAUTHORIZED, DoorCheck, UpgradeRefusedError, UpgradeRequest
from trioaudio.core.wire_json import base64_of

AUTHORIZATION = "authorization"


def basic_door_check(
    user_field: str = "user",
    password_field: str = "password",  # noqa: S107  the name of a setting
) -> DoorCheck:
    """Return the check of `Authorization: Basic` against two settings; an empty user is allowed."""

    def check(settings: CarrierSettings, request: UpgradeRequest) -> None:
        given = base64_of(_credentials_of(request, "Basic"))
        password = text_setting(settings, password_field)
        wanted = as_bytes(f"{text_setting(settings, user_field)}:{password}")
        if given is None or not hmac.compare_digest(given, wanted) or not password:
            raise UpgradeRefusedError(
                f"the name or password from {request.peer} is wrong;"
                f" are {user_field} and {password_field} what the carrier was given?"
            )

    return DoorCheck(
        check=check, missing=missing_setting(password_field), proof="Authorization: Basic"
    )


def bearer_door_check(token_field: str) -> DoorCheck:
    """Return the check of `Authorization: Bearer` against a setting."""

    def check(settings: CarrierSettings, request: UpgradeRequest) -> None:
        given = _credentials_of(request, "Bearer")
        _compare_token(given, settings, token_field, request.peer)

    return DoorCheck(
        check=check, missing=missing_setting(token_field), proof="Authorization: Bearer"
    )


def header_door_check(header: str, token_field: str) -> DoorCheck:
    """Return the check of a header that holds nothing but a token against a setting."""

    def check(settings: CarrierSettings, request: UpgradeRequest) -> None:
        given = header_of(request, header)
        _compare_token(given, settings, token_field, request.peer)

    return DoorCheck(check=check, missing=missing_setting(token_field), proof=header)


def header_of(request: UpgradeRequest, name: str) -> str:
    """Return a header; UpgradeRefusedError with status 401 if the request has none."""
    value = request.headers.get(name.lower())
    if value is None:
        raise UpgradeRefusedError(f"{request.peer} sent no {name} header", status=UNAUTHORIZED)
    return value


def text_setting(settings: CarrierSettings, field: str) -> str:
    """Return a setting's text, also a secret one; empty where these settings do not have it."""
    value: object = getattr(settings, field, "")
    return value.get() if isinstance(value, Secret) else str(value)


def same_text(given: str, wanted: str) -> bool:
    """Compare what came from outside with a secret; takes as long wherever they differ."""
    return hmac.compare_digest(as_bytes(given), as_bytes(wanted))


def as_bytes(text: str) -> bytes:
    """Return a header's text as bytes, whatever it holds; lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def _credentials_of(request: UpgradeRequest, scheme: str) -> str:
    value = header_of(request, AUTHORIZATION)
    named, _, credentials = value.partition(" ")
    if named.lower() != scheme.lower():
        raise UpgradeRefusedError(
            f"{request.peer} sent an Authorization header that is no {scheme}", status=UNAUTHORIZED
        )
    return credentials.strip(" ")


def _compare_token(given: str, settings: CarrierSettings, field: str, peer: str) -> None:
    wanted = text_setting(settings, field)
    if not same_text(given, wanted) or not wanted:
        raise UpgradeRefusedError(
            f"the token from {peer} is wrong; is {field} what the carrier was given?"
        )


def missing_setting(field: str) -> Callable[[CarrierSettings], str | None]:
    """Return the function that says whether a setting is empty, by naming it."""
    return lambda settings: None if text_setting(settings, field) else field
