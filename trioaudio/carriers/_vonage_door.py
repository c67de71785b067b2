"""How Vonage proves at the upgrade who it is: a JWT, signed with the account's signature secret.

https://developer.vonage.com/en/getting-started/concepts/webhooks (signed JWTs). Only HS256 is
accepted. A token without `exp` is good for some minutes after `iat`: how long Vonage means is not
documented.
"""

from __future__ import annotations

import warnings

import jwt

from trioaudio.carriers._door_checks import (
    AUTHORIZATION,
    as_bytes,
    header_of,
    missing_setting,
    same_text,
    text_setting,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.upgrade import UNAUTHORIZED, DoorCheck, UpgradeRefusedError, UpgradeRequest
from trioaudio.core.wire_json import JsonObject, JsonValue, number_of, text_of

ALGORITHM = "HS256"
LEEWAY_S = 60
"""How far Vonage's clock and ours may be apart."""
LONGEST_LIFE_S = 300
"""How old a token without an end may be."""


def check_token(settings: CarrierSettings, request: UpgradeRequest) -> None:
    """Check the JWT's signature, and its times against the request's; raises if not Vonage's."""
    scheme, _, token = header_of(request, AUTHORIZATION).partition(" ")
    if scheme.lower() != "bearer":
        raise UpgradeRefusedError(
            f"{request.peer} sent an Authorization header that is no Bearer", status=UNAUTHORIZED
        )
    claims = _verified(token.strip(" "), text_setting(settings, "signature_secret"), request.peer)
    if problem := _time_problem(claims, request.at):
        raise UpgradeRefusedError(f"the token from {request.peer} {problem}")
    ours, theirs = text_setting(settings, "application_id"), claims.get("application_id")
    if ours and theirs is not None and not same_text(text_of(theirs) or "", ours):
        raise UpgradeRefusedError(
            f"the token from {request.peer} is for another application; is application_id right?"
        )


def _verified(token: str, secret: str, peer: str) -> JsonObject:
    try:
        # How long the secret is, is Vonage's decision, and no news at each call.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            claims: JsonObject = jwt.decode(
                as_bytes(token),
                as_bytes(secret),
                algorithms=[ALGORITHM],
                # A token's times are compared with the request's, and there is no audience.
                options={
                    "verify_signature": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_iss": False,
                },
            )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        claims = {}
    if not claims or not secret:  # anybody can sign with an empty secret
        raise UpgradeRefusedError(
            f"the token from {peer} is not signed by Vonage with {ALGORITHM};"
            " is signature_secret right?"
        )
    return claims


def _time_problem(claims: JsonObject, at: float) -> str | None:
    """Return what is wrong with a token's times, half a sentence, or None."""
    times: dict[str, float] = {}
    for name in ("exp", "nbf", "iat"):
        claim: JsonValue = claims.get(name)
        if claim is None:
            continue
        time = number_of(claim)
        if time is None:
            return f"has a claim {name} that is no time"
        times[name] = time
    if max(times.get("nbf", at), times.get("iat", at)) > at + LEEWAY_S:
        return "is from the future; is this machine's clock right?"
    if "exp" in times:
        end = times["exp"]
    elif "iat" in times:
        end = times["iat"] + LONGEST_LIFE_S
    else:
        return "has neither exp nor iat, so it would be good for ever"
    if end + LEEWAY_S < at:
        return "is too old; is this machine's clock right?"
    return None


DOOR_CHECK = DoorCheck(
    check=check_token,
    missing=missing_setting("signature_secret"),
    proof=f"Authorization: Bearer, a JWT signed with {ALGORITHM}",
)
