from __future__ import annotations

import socket

import attrs
import pytest

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import Carrier, CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import DoorCheck, UpgradeRefusedError, UpgradeRequest
from trioaudio.net.door_policy import (
    DoorPolicy,
    door_policy_for,
    is_loopback,
    open_door_switch,
    proof_switch,
)
from trioaudio.serve_settings import MediaAuth, ServeSettings
from trioaudio.settings import Authentication, Settings, variable
from trioaudio.settings_values import Address


@attrs.frozen
class ProvingSettings(CarrierSettings):
    shared: Secret = Secret()


def check(settings: CarrierSettings, request: UpgradeRequest) -> None:
    assert isinstance(settings, ProvingSettings)
    if request.headers.get("x-proof") != settings.shared.get():
        raise UpgradeRefusedError("wrong")


def missing(settings: CarrierSettings) -> str | None:
    assert isinstance(settings, ProvingSettings)
    return None if settings.shared else "shared"


PLAIN = load_carrier("telecmi")
PROVING = attrs.evolve(
    PLAIN,
    name="prover",
    settings=ProvingSettings(),
    door_check=DoorCheck(check, missing, "X-Proof"),
)
READY = ProvingSettings(shared=Secret("hush"))
REQUEST = UpgradeRequest("ws://x", "/", "", {"x-proof": "hush"}, "p", 0.0)


def test_a_carrier_that_has_a_proof_is_held_to_it() -> None:
    policy = door_policy_for(PROVING, READY, Settings(), "0.0.0.0")  # noqa: S104
    assert policy.warning is None
    assert policy.check is not None
    policy.check(REQUEST)
    with pytest.raises(UpgradeRefusedError):
        policy.check(attrs.evolve(REQUEST, headers={}))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_and_cannot_be_without_its_secret(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        door_policy_for(PROVING, PROVING.settings, Settings(), host)
    (problem,) = caught.value.problems
    assert problem.startswith("TRIOAUDIO_PROVER_SHARED is not set")
    assert "TRIOAUDIO_AUTHENTICATION=off" in problem
    assert "X-Proof" in problem


@pytest.mark.parametrize(
    "carrier",
    [each for each in map(load_carrier, carrier_names()) if each.door_check is not None],
    ids=lambda each: each.name,
)
def test_what_is_missing_is_a_setting_there_is(carrier: Carrier) -> None:
    with pytest.raises(ConfigError) as caught:
        door_policy_for(carrier, carrier.settings, Settings(), "127.0.0.1")
    named = str(caught.value).partition(" is not set")[0]
    fields = attrs.fields_dict(type(carrier.settings))
    assert named in {variable(f"{carrier.name}_{field}") for field in fields}


def test_a_carrier_without_a_proof_has_the_path() -> None:
    assert door_policy_for(PLAIN, PLAIN.settings, Settings(), "0.0.0.0") == DoorPolicy()  # noqa: S104


@pytest.mark.parametrize("carrier", [PLAIN, PROVING])
@pytest.mark.parametrize(
    ("authentication", "host", "more", "outcome"),
    [
        ("off", "127.0.0.1", set(), "open"),
        ("off", "127.8.9.10", set(), "open"),
        ("off", "::1", set(), "open"),
        ("off", "::ffff:127.0.0.1", set(), "open"),
        ("off", "localhost", set(), "open"),
        ("off", "0.0.0.0", set(), "others than this machine can reach 0.0.0.0"),  # noqa: S104
        ("off", "::", set(), "others than this machine can reach ::"),
        ("off", "10.0.0.1", set(), "others than this machine"),
        ("off", "no-such-host.invalid", set(), "others than this machine"),
        ("off", "127.0.0.1", {"public_url"}, "TRIOAUDIO_PUBLIC_URL says that a proxy"),
        ("off", "::1", {"trusted_proxies"}, "TRIOAUDIO_TRUSTED_PROXIES says"),
        ("forced-off", "0.0.0.0", set(), "warned"),  # noqa: S104
        ("forced-off", "127.0.0.1", set(), "warned"),
    ],
)
def test_letting_a_carrier_off(
    carrier: Carrier,
    authentication: Authentication,
    host: str,
    more: set[str],
    outcome: str,
) -> None:
    settings = Settings(
        authentication=authentication,
        public_url="wss://x" if "public_url" in more else None,
        trusted_proxies=("::1",) if "trusted_proxies" in more else (),
    )
    if outcome in {"open", "warned"}:
        policy = door_policy_for(carrier, carrier.settings, settings, host)
        assert policy.check is None
        assert (policy.warning is not None) is (outcome == "warned")
        return
    with pytest.raises(ConfigError, match="forced-off if you mean that") as caught:
        door_policy_for(carrier, carrier.settings, settings, host)
    assert outcome in str(caught.value)


def test_a_name_counts_as_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*addresses: str) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    look_up("127.0.0.1", "::1")
    assert is_loopback("mine")
    look_up("127.0.0.1", "192.0.2.1")
    assert not is_loopback("mine")
    look_up()
    assert not is_loopback("mine")


@pytest.mark.parametrize(
    ("media_auth", "host", "public_url", "outcome"),
    [
        ("tokens", "0.0.0.0", "wss://x", "closed"),  # noqa: S104
        ("off", "127.0.0.1", None, "open"),
        ("off", "0.0.0.0", None, "others than this machine can reach 0.0.0.0"),  # noqa: S104
        ("off", "127.0.0.1", "wss://x", "TRIOAUDIO_PUBLIC_URL says that a proxy"),
        ("forced-off", "0.0.0.0", "wss://x", "warned"),  # noqa: S104
    ],
)
def test_letting_in_whoever_comes(
    media_auth: MediaAuth, host: str, public_url: str | None, outcome: str
) -> None:
    serve = ServeSettings(media_auth=media_auth, media_listen=Address(host, 8088))
    settings = Settings(public_url=public_url)
    if outcome in {"closed", "open", "warned"}:
        warning = open_door_switch(serve, settings)
        assert (warning is not None) is (outcome == "warned")
        assert warning is None or warning.startswith("TRIOAUDIO_MEDIA_AUTH=forced-off: whoever")
        return
    with pytest.raises(ConfigError, match="to tokens, or to forced-off if you mean that") as caught:
        open_door_switch(serve, settings)
    assert str(caught.value).startswith("TRIOAUDIO_MEDIA_AUTH=off: ")
    assert outcome in str(caught.value)


def test_what_is_wrong_of_all_carriers_alike() -> None:
    assert proof_switch(Settings(), "0.0.0.0") is None  # noqa: S104
    assert proof_switch(Settings(authentication="off"), "127.0.0.1") is None
    warning = proof_switch(Settings(authentication="forced-off"), "127.0.0.1")
    assert warning == (
        "TRIOAUDIO_AUTHENTICATION=forced-off: whoever learns a call's URL can take the call"
    )
    with pytest.raises(ConfigError, match="could take the call"):
        proof_switch(Settings(authentication="off"), "0.0.0.0")  # noqa: S104
