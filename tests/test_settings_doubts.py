"""What operators are told of names nobody knows, and of secrets everybody can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.settings_doubts import OF_CLIENTS, doubts_about
from trioaudio.settings_loading import load_settings
from trioaudio.settings_sources import Source, find_sources

HUSH = "hush-hush-42"
CONFIG = {"TRIOAUDIO_CONFIG": "config.toml"}


def doubts(folder: Path, text: str, mode: int = 0o600, **environ: str) -> list[str]:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    warnings = load_settings(CONFIG | environ, folder).warnings
    assert HUSH not in repr(warnings)
    return [each.replace(str(folder), "") for each in warnings]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("cals_most = 3", "cals_most (in /config.toml): no such setting; did you mean calls_most"),
        ("[carrier.twilio]\nauth_tokn = 'x'", "did you mean carrier.twilio.auth_token"),
        ("[carrier.twilo]\nauth_token = 'x'", "carrier.twilo.auth_token (in /config.toml): no"),
        ("[carrier.twilo]\nauth_token = 'x'", "did you mean carrier.twilio.auth_token"),
        ("[engine.cartesja]\napi_key = 'x'", "did you mean engine.cartesia.api_key"),
        ("[engine.cartesia]\napi_kee = 'x'", "did you mean engine.cartesia.api_key"),
        ("twilio_auth_token = 'x'", "no such setting; did you mean carrier.twilio.auth_token?"),
        ("[engine.twilio]\nauth_token = 'x'", "did you mean carrier.twilio.auth_token?"),
        ("[carrier]\nlead_ms = 3", "carrier.lead_ms (in /config.toml): no such setting; did you"),
        ("[daemon]\ncalls_most = 3", "daemon.calls_most (in /config.toml): no such setting"),
        (
            "control_token = 'x'",
            "clients use it: put TRIOAUDIO_CONTROL_TOKEN into their environment",
        ),
        ("qqqqqqqq = 3", "none has a name like it; remove it"),
    ],
)
def test_unknown_keys_are_warned_about(tmp_path: Path, text: str, warning: str) -> None:
    [told] = doubts(tmp_path, text)
    assert warning in told


def test_what_stands_in_a_wrong_place_is_not_read(tmp_path: Path) -> None:
    text = "[engine.telecmi]\ntail_ms = 300\n[carrier]\nkeep_ms = 3\n"
    (tmp_path / "config.toml").write_text(text)
    loaded = load_settings(CONFIG, tmp_path)
    assert loaded.carrier_settings.tail_ms == 200
    assert loaded.settings.keep_ms == 2000
    assert len(loaded.warnings) == 2


def test_each_source_names_things_its_own_way(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRIOAUDIO_TWILIO_AUTH_TOKN=x\n")
    [first, second] = doubts(tmp_path, "[carrier.twilio]\nauth_tokn = 'x'\n", TRIOAUDIO_VOICE="x")
    assert first.startswith("carrier.twilio.auth_tokn (in /config.toml): ")
    assert second.startswith("TRIOAUDIO_TWILIO_AUTH_TOKN (in .env): ")
    assert "did you mean TRIOAUDIO_TWILIO_AUTH_TOKEN" in second


def test_what_clients_look_for_is_known(tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_CONTROL_URL": "http://h:1", "TRIOAUDIO_CONTROL_TOKEN": HUSH}
    assert {f"TRIOAUDIO_{each.upper()}" for each in OF_CLIENTS} == set(environ)
    assert doubts(tmp_path, "", 0o600, **environ) == []


def test_an_unknown_option_is_a_problem() -> None:
    problems: list[str] = []
    assert doubts_about([Source({"loudness": "3"}, is_options=True)], problems) == []
    [problem] = problems
    assert problem.startswith("--loudness: no such setting")


# --- Secrets -------------------------------------------------------------------------------


SECRETS = f"""
token = "{HUSH}"
headers = ["X-Key: {HUSH}"]
webhook_url = "https://h/x?key={HUSH}"
relay_url = "wss://h/x"
webhook_secret = ""
webhook_key = "${{cred:x}}"
caller_id = "+91"
unheard_of = "{HUSH}"
[carrier.twilio]
auth_token = "{HUSH}"
account_sid = "AC1"
nothing_known = "x"
[engine.cartesia]
api_key = "{HUSH}"
model = "m"
"""


def test_secrets_everybody_may_read_are_warned_about(tmp_path: Path) -> None:
    *_, told = doubts(tmp_path, SECRETS, 0o644)
    assert told == (
        "/config.toml: every user of this machine may read it, and it holds token, headers,"
        " webhook_url, carrier.twilio.auth_token, engine.cartesia.api_key; chmod it to 0640, or"
        " write ${cred:NAME} for the secret"
    )


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_file_not_everybody_may_read_may_hold_them(tmp_path: Path, mode: int) -> None:
    assert [each for each in doubts(tmp_path, SECRETS, mode) if "may read" in each] == []


def test_nor_is_there_anything_to_say_of_a_file_without_secrets(tmp_path: Path) -> None:
    text = 'url = "wss://h/x"\n[engine.cartesia]\napi_key = "${file:/run/x}"\n'
    assert doubts(tmp_path, text, 0o644) == []


def test_a_file_of_conf_d_is_looked_at_by_itself(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("keep_ms = 3")
    (tmp_path / "conf.d").mkdir()
    path = tmp_path / "conf.d" / "a.toml"
    path.write_text(f"token = '{HUSH}'")
    path.chmod(0o604)
    [told] = doubts_about(find_sources(CONFIG, tmp_path, {}, []), [])
    assert told.startswith(f"{path}: every user of this machine may read it, and it holds token;")
