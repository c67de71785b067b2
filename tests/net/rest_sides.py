"""Simulated REST sides for tests, and carriers' settings that fit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from trioaudio.carriers import load_carrier
from trioaudio.core.call_control import Placing
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret
from trioaudio.simulators.rest.desk import RestAccount

ACCOUNT = RestAccount()
TOKEN = "token-nobody-guesses"


@attrs.frozen
class Keys:
    """A pair of keys: the file with the private one, and the public one."""

    file: Path
    public: str


def new_keys(folder: Path) -> Keys:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = folder / "private.key"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Keys(file, public.decode())


def settings_for(name: str, url: str, key_file: Path | None = None) -> CarrierSettings:
    """Settings of a carrier with the simulated account's credentials."""
    secret = Secret(ACCOUNT.secret)
    own: dict[str, dict[str, Any]] = {
        "exotel": {"account_sid": ACCOUNT.id, "api_key": ACCOUNT.id, "api_token": secret},
        "plivo": {"auth_id": ACCOUNT.id, "auth_token": secret, "transfer_url": f"{url}/transfer"},
        "vobiz": {"auth_id": ACCOUNT.id, "auth_token": secret, "transfer_url": f"{url}/transfer"},
        "signalwire": {
            "project_id": ACCOUNT.id,
            "api_token": secret,
            "space": url,
            "stream_token": Secret("stream-token"),
        },
        "telecmi": {"app_id": ACCOUNT.id, "secret": secret},
        "telnyx": {
            "connection_id": ACCOUNT.id,
            "api_key": secret,
            "stream_token": Secret("stream-token"),
        },
        "twilio": {"account_sid": ACCOUNT.id, "auth_token": secret},
        "vonage": {"application_id": ACCOUNT.id, "private_key_file": key_file},
    }
    given = own[name]
    if name != "signalwire":
        given["rest_url"] = f"{url}/v2" if name == "telecmi" else url
    return attrs.evolve(load_carrier(name).settings, **given)


def placing_for(name: str, media_url: str = f"ws://127.0.0.1:9/media/{TOKEN}") -> Placing:
    carrier = load_carrier(name)
    return Placing(
        to="+919800000000",
        caller_id="+918040000000",
        media_url=media_url,
        media=carrier.media_format(carrier.settings, 8000),
        answer_url="http://127.0.0.1:9/answer" if name in ("plivo", "vobiz") else None,
    )
