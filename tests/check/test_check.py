"""`trioaudio check`, whole: against simulated services, with what is right and what is not."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from daemon.daemon_rig import node
from engines.listening import children_of
from net.rest_sides import ACCOUNT
from trioaudio.check import addresses, verb
from trioaudio.check.arguments import check_parser
from trioaudio.check.row import Row, run_checks
from trioaudio.check.storage import storage_checks
from trioaudio.cli import run_command_line
from trioaudio.configuration import load_configuration
from trioaudio.control.tokens import ensure_first_token
from trioaudio.core.errors import ConfigError, OutputError
from trioaudio.core.secret import MASK
from trioaudio.simulators.rest_serving import RestOptions, open_rest
from trioaudio.simulators.services.service import open_service
from trioaudio.simulators.services.studio import ServiceOptions

KEY = "sk-0123456789abcdef"
OTHER_KEY = "sk-not-the-one-they-gave-us"


def environ_of(folder: Path, **settings: str) -> dict[str, str]:
    return {
        "TRIOAUDIO_STATE_FOLDER": str(folder / "state"),
        "TRIOAUDIO_CACHE_FOLDER": str(folder / "cache"),
        "TRIOAUDIO_MEDIA_LISTEN": "127.0.0.1:0",
        "TRIOAUDIO_CONTROL_LISTEN": "127.0.0.1:0",
        "TRIOAUDIO_CARRIERS": "raw",
        "TRIOAUDIO_ENGINE": "espeak",
        **{f"TRIOAUDIO_{name.upper()}": value for name, value in settings.items()},
    }


async def rows_of(folder: Path, *parts: str, **settings: str) -> dict[str, list[Row]]:
    environ = environ_of(folder, **settings)
    configuration = load_configuration(environ, folder)
    found: dict[str, list[Row]] = {}
    for row in await verb.look(configuration, environ, folder, parts, "live" in parts):
        found.setdefault(row.what, []).append(row)
    return found


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *argv: str, **settings: str) -> int:
    for name in [each for each in os.environ if each.startswith("TRIOAUDIO_")]:
        monkeypatch.delenv(name)
    for name, value in environ_of(folder, **settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return run_command_line(["check", *argv])


# --- The verb ----------------------------------------------------------------------------


def test_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(children_of(os.getpid()))
    assert run(monkeypatch, tmp_path) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for words in ("engine espeak", "speaks: first audio after", "state folder", "carrier raw"):
        assert words in said.out
    assert said.out.splitlines()[-1].endswith(" 0 failed")
    assert set(children_of(os.getpid())) == before
    assert list(tmp_path.iterdir()) == []  # nothing is made


def test_json_and_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "--json", "--only", "storage,configuration") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    assert {each["part"] for each in told["checks"]} == {"configuration", "storage"}
    assert told["checks"][0].keys() == {"part", "what", "state", "detail", "advice"}


def test_something_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ensure_first_token(tmp_path / "state")
    plain.chmod(0o644)
    assert run(monkeypatch, tmp_path, "--only", "storage") == 1
    said = capsys.readouterr().out
    assert f"{plain} has mode 0644: others may read it" in said
    assert f"chmod 600 {plain}" in said
    plain.chmod(0o600)
    assert run(monkeypatch, tmp_path, "--only", "storage") == 0


@pytest.mark.parametrize("as_json", [True, False])
def test_wrong_settings_are_told_as_serve_tells_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    as_json: bool,
) -> None:
    argv = ["--json"] if as_json else []
    assert run(monkeypatch, tmp_path, *argv, calls_most="many", cpu_most="7") == 2
    said = capsys.readouterr()
    assert "trioaudio: error: TRIOAUDIO_CALLS_MOST='many'" in said.err
    assert len(said.err.splitlines()) == 2
    if as_json:
        told = json.loads(said.out)
        assert told["ok"] is False
        assert [each["state"] for each in told["checks"]] == ["failed", "failed"]


@pytest.mark.parametrize("only", ["engine", "", "engines,tea"])
def test_a_part_that_is_none(only: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check_parser().parse_args(["--only", only])
    assert ended.value.code == 2
    assert "configuration, machine, storage" in capsys.readouterr().err


def test_a_full_disk_below_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_text: str) -> None:
        raise OutputError("standard output takes nothing")

    monkeypatch.setattr(verb, "write_stdout", full)
    assert run(monkeypatch, tmp_path, "--only", "storage") == 6
    assert "standard output" in capsys.readouterr().err


# --- Engines -----------------------------------------------------------------------------


async def test_a_service_speaks_with_the_right_key_and_says_so_of_a_wrong_one(
    tmp_path: Path,
) -> None:
    async with open_service("cartesia", ServiceOptions(key=KEY)) as service:
        settings = {"engine": "cartesia", "cartesia_url": service.websocket_url}
        [row] = (await rows_of(tmp_path, "engines", **settings, cartesia_api_key=KEY))[
            "engine cartesia"
        ]
        assert (row.state, row.detail[:20]) == ("ok", "speaks: first audio ")
        found = await rows_of(tmp_path, "engines", **settings, cartesia_api_key=OTHER_KEY)
        [row] = found["engine cartesia"]
        assert row.state == "failed"
        assert row.advice == "check TRIOAUDIO_CARTESIA_API_KEY"
        assert OTHER_KEY not in str(found)
        [embedded] = found["engine espeak"]  # the last of every chain
        assert embedded.state == "ok"


async def test_a_service_that_is_away(tmp_path: Path) -> None:
    found = await rows_of(
        tmp_path,
        "engines",
        engine="openai",
        openai_url="http://127.0.0.1:9",
        openai_api_key=KEY,
        embedded_last="no",
    )
    [row] = found["engine openai"]
    assert row.state == "failed"
    assert "TRIOAUDIO_OPENAI_URL" in row.advice


async def test_a_service_that_is_slow_is_warned_about(tmp_path: Path) -> None:
    async with open_service("openai", ServiceOptions(key=KEY, first_audio_ms=200)) as service:
        found = await rows_of(
            tmp_path,
            "engines",
            engine="openai",
            openai_url=service.http_url,
            openai_api_key=KEY,
            openai_first_audio_ms="50",
            embedded_last="no",
        )
    [row] = found["engine openai"]
    assert (row.state, row.detail[:8]) == ("warning", "speaks: ")
    assert "TRIOAUDIO_OPENAI_FIRST_AUDIO_MS=50" in row.advice


async def test_a_voice_there_is_not_and_what_plays_recordings(tmp_path: Path) -> None:
    [row] = (await rows_of(tmp_path, "engines", voice="nobody-at-all"))["engine espeak"]
    assert row.state == "failed"
    assert "nobody-at-all" in row.detail
    found = await rows_of(tmp_path, "engines", engine="tone", embedded_last="no")
    assert [each.state for each in found["engine tone"]] == ["ok"]


async def test_no_answer_in_time_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioaudio.check.engines.MOST_S", 0.3)
    async with open_service("openai", ServiceOptions(key=KEY, first_audio_ms=20_000)) as service:
        found = await rows_of(
            tmp_path,
            "engines",
            engine="openai",
            openai_url=service.http_url,
            openai_api_key=KEY,
            embedded_last="no",
        )
    [row] = found["engine openai"]
    assert (row.state, row.detail) == ("failed", "no answer within 0.3 s")


# --- Carriers ----------------------------------------------------------------------------


def twilio(url: str, **own: str) -> dict[str, str]:
    return {
        "carriers": "twilio",
        "twilio_account_sid": ACCOUNT.id,
        "twilio_auth_token": ACCOUNT.secret,
        "twilio_rest_url": url,
        **own,
    }


async def test_credentials_are_asked_about_only_live(tmp_path: Path) -> None:
    async with open_rest(RestOptions("twilio", account=ACCOUNT)) as opened:
        [row] = (await rows_of(tmp_path, "carriers", **twilio(opened.url)))["carrier twilio"]
        assert (row.state, opened.requests.total()) == ("ok", 0)
        assert "--live" in row.detail
        [row] = (await rows_of(tmp_path, "carriers", "live", **twilio(opened.url)))[
            "carrier twilio"
        ]
        assert (row.state, row.detail) == ("ok", "the carrier knows our credentials")
        found = await rows_of(
            tmp_path, "carriers", "live", **twilio(opened.url, twilio_auth_token=OTHER_KEY)
        )
        [row] = found["carrier twilio"]
        assert row.state == "failed"
        assert "TRIOAUDIO_TWILIO_AUTH_TOKEN" in row.detail
        assert OTHER_KEY not in str(found)
        assert opened.placed == []


async def test_a_carrier_that_cannot_be_asked_says_so(tmp_path: Path) -> None:
    found = await rows_of(
        tmp_path,
        "carriers",
        "live",
        carriers="telecmi",
        telecmi_app_id="123",
        telecmi_secret="hush-hush",
    )
    [row] = found["carrier telecmi"]
    assert row.state == "ok"
    assert "cannot be checked without placing a call" in row.detail


async def test_credentials_that_are_missing_or_cannot_be(tmp_path: Path) -> None:
    found = await rows_of(tmp_path, "carriers", carriers="telecmi", telecmi_app_id="123")
    [row] = found["carrier telecmi"]
    assert (row.state, row.detail) == ("failed", "not set: TRIOAUDIO_TELECMI_SECRET")
    found = await rows_of(
        tmp_path, "carriers", carriers="telecmi", telecmi_app_id="abc", telecmi_secret="hush-hush"
    )
    [row] = found["carrier telecmi"]
    assert row.state == "failed"
    assert "app ids are numbers" in row.detail
    found = await rows_of(tmp_path, "carriers", carriers="telecmi,raw")
    assert "places none" in found["carrier telecmi"][0].detail
    assert found["carrier raw"][0].state == "ok"


# --- Addresses ---------------------------------------------------------------------------


async def test_an_address_in_use_by_somebody_else(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        found = await rows_of(tmp_path, "addresses", media_listen=place)
    [media] = found["media address"]
    assert media.state == "warning"
    assert "in use; cannot tell by whom" in media.detail
    assert "TRIOAUDIO_MEDIA_LISTEN" in media.advice
    assert found["control address"][0].state == "ok"


async def test_an_address_that_this_machine_has_not(tmp_path: Path) -> None:
    found = await rows_of(tmp_path, "addresses", media_listen="192.0.2.1:0")
    [media] = found["media address"]
    assert media.state == "failed"
    assert "192.0.2.1:0: " in media.detail


async def serve_words(words: bytes, stream: trio.SocketStream) -> None:
    """Answer one request, whatever it is."""
    await stream.receive_some(4096)
    await stream.send_all(words)
    await stream.aclose()


@pytest.mark.parametrize("words", [b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}", b"-ERR\r\n"])
async def test_what_answers_as_no_daemon_of_ours_is_none(tmp_path: Path, words: bytes) -> None:
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, partial(serve_words, words), 0, host="127.0.0.1")
        [foreign] = await nursery.start(serve)
        port = foreign.socket.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as taken:
            found = await rows_of(
                tmp_path,
                "addresses",
                control_listen=f"127.0.0.1:{port}",
                media_listen=f"127.0.0.1:{taken.getsockname()[1]}",
            )
        nursery.cancel_scope.cancel()
    [control] = found["control address"]
    assert control.state == "failed"
    assert "Address already in use" in control.detail
    assert found["media address"][0].state == "warning"


async def test_what_lets_us_in_and_says_nothing_may_be_a_socket_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "ASK_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as held:
        place = f"127.0.0.1:{held.getsockname()[1]}"
        found = await rows_of(tmp_path, "addresses", control_listen=place)
    [control] = found["control address"]
    assert control.state == "warning"
    assert "held by another process, perhaps a socket unit" in control.detail


async def test_a_port_that_daemons_share(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as shared:
        place = f"127.0.0.1:{shared.getsockname()[1]}"
        found = await rows_of(tmp_path, "addresses", media_listen=place, reuse_port="yes")
        assert found["media address"][0].state == "ok"
        found = await rows_of(tmp_path, "addresses", media_listen=place)
        assert found["media address"][0].state == "warning"


async def test_a_media_address_that_is_not_the_daemon_s(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with node(tmp_path, carriers="raw") as made:
            control = made.addresses.control.removeprefix("http://")
            place = f"127.0.0.1:{taken.getsockname()[1]}"
            settings = {"media_listen": place, "control_listen": control}
            found = await rows_of(tmp_path, "addresses", **settings)
    assert found["control address"][0].state == "ok"
    assert found["media address"][0].state == "warning"


@pytest.mark.parametrize("unix", [True, False])
async def test_addresses_held_by_a_daemon_of_ours(tmp_path: Path, *, unix: bool) -> None:
    place = str(tmp_path / "control") if unix else "127.0.0.1:0"
    async with node(tmp_path, carriers="raw", control_listen=place) as made:
        media = made.addresses.media.removeprefix("ws://").rstrip("/")
        control = made.addresses.control.removeprefix("http://")
        settings = {"media_listen": media, "control_listen": control}
        found = await rows_of(tmp_path, "addresses", **settings)
        for name in ("media address", "control address"):
            [row] = found[name]
            assert row.state == "ok", row
            assert "a daemon of ours runs here (ready, 0 calls)" in row.detail
        (tmp_path / "state/control.token").write_text("ta_another\n")
        found = await rows_of(tmp_path, "addresses", **settings)
        assert "knows no token of ours" in found["control address"][0].detail


async def test_public_urls(tmp_path: Path) -> None:
    async def told(**settings: str) -> Row:
        [row] = (await rows_of(tmp_path, "addresses", **settings))["public URL"]
        return row

    assert "only this machine" in (await told()).detail
    assert (await told(public_url="wss://voice.example.com/")).state == "ok"
    assert "ws://" in (await told(public_url="ws://voice.example.com/")).detail
    assert (await told(public_url="wss://localhost/")).state == "warning"


# --- Folders ------------------------------------------------------------------------------


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Nobody may search the folder, and we are nobody who may nevertheless."""
    user = os.geteuid()
    folder.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


async def test_what_this_user_may_not_search(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    (folder / "logs").mkdir(parents=True)
    environ = environ_of(tmp_path, log_file=str(folder / "logs/a.log"))
    checks = storage_checks(load_configuration(environ, tmp_path), environ, folder)
    with closed(folder):
        found = {row.what: row for row in await run_checks(checks)}
    for what, path in (
        ("recordings", folder / "recordings"),
        ("log file", folder / "logs/a.log"),
        ("tokens", folder / "tokens.json"),
        (".env", folder / ".env"),
    ):
        row = found[what]
        assert (row.state, row.detail) == ("failed", f"{path}: Permission denied")
        assert "search every folder above it" in row.advice


@pytest.mark.parametrize("name", ["record_folder", "records_file", "control_listen"])
def test_a_setting_that_names_what_this_user_may_not_search(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    environ = environ_of(tmp_path, **{name: str(folder / "a/b")})
    load_configuration(environ, tmp_path)
    with closed(folder), pytest.raises(ConfigError) as wrong:
        load_configuration(environ, tmp_path)
    [problem] = [each for each in wrong.value.problems if name.upper() in each]
    assert f"{folder / 'a/b'}" in problem
    assert "Permission denied; let this user search" in problem


# --- All ---------------------------------------------------------------------------------


async def test_nothing_secret_is_in_any_row(tmp_path: Path) -> None:
    found = await rows_of(
        tmp_path,
        "engines",
        engine="openai",
        openai_url=f"http://127.0.0.1:9/{KEY}",
        openai_api_key=KEY,
        embedded_last="no",
    )
    assert KEY not in str(found)
    assert MASK not in "".join(found)


async def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    with trio.move_on_after(0.1):  # in the middle of it
        await rows_of(tmp_path, "machine", "engines", "addresses")
    with trio.move_on_after(0.7):
        await rows_of(tmp_path, "engines")
    assert set(children_of(os.getpid())) == before
