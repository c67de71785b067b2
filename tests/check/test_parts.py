"""The parts of `trioaudio check` by themselves: what they say of what was found."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio
import trustme

from trioaudio.check import storage
from trioaudio.check.carriers import judge_clock
from trioaudio.check.certificates import look_at
from trioaudio.check.machine import (
    judge_clocks,
    judge_descriptors,
    judge_processors,
    synchronised,
)
from trioaudio.check.row import Check, Row, in_thread, run_checks
from trioaudio.check.table import as_json, table
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.net.httpx_parts import seconds_ahead

OK = Row("machine", "clocks", "ok", "fine", "not shown")
BAD = Row("machine", "disk", "failed", "full", "make room")

# --- Running -----------------------------------------------------------------------------


async def test_checks_run_beside_each_other_and_are_told_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow() -> list[Row]:
        await trio.sleep(5)
        return [OK]

    async def never() -> list[Row]:
        await trio.sleep_forever()
        raise AssertionError

    async def wrong() -> list[Row]:
        await trio.lowlevel.checkpoint()
        raise ConfigError("one", "two")

    async def group() -> list[Row]:
        await trio.lowlevel.checkpoint()
        error = EngineError("no key", kind=EngineFault.AUTH, retryable=False)
        raise ExceptionGroup("of a nursery", [error])

    checks = [Check("machine", "a", slow), Check("machine", "b", never, 7)]
    checks += [Check("machine", "c", wrong), Check("machine", "d", group)]
    began = trio.current_time()
    rows = await run_checks(checks)
    assert trio.current_time() - began == pytest.approx(7)
    assert [(row.what, row.state, row.detail) for row in rows] == [
        ("clocks", "ok", "fine"),
        ("b", "failed", "no answer within 7 s"),
        ("c", "failed", "one"),
        ("c", "failed", "two"),
        ("d", "failed", "no key"),
    ]
    assert autojump_clock.current_time() > 0


async def test_a_bug_is_not_a_row() -> None:
    def bug() -> list[Row]:
        raise LookupError("of our own")

    with pytest.RaisesGroup(LookupError):
        await run_checks([Check("machine", "a", in_thread(bug))])


# --- The table ---------------------------------------------------------------------------


def test_the_table_says_what_to_do_of_what_is_not_well() -> None:
    assert table([OK, BAD], "utf-8").splitlines() == [
        "✓  clocks  fine",
        "✗  disk    full",
        "           make room",
        "",
        "1 ok, 0 to look at, 1 failed",
    ]
    assert table([OK, BAD], "ascii").splitlines()[1] == "FAILED   disk    full"
    assert table([], "no-such-encoding").splitlines()[-1] == "0 ok, 0 to look at, 0 failed"
    assert as_json([OK]).startswith('{"ok": true')


# --- The machine -------------------------------------------------------------------------


def test_clocks() -> None:
    assert judge_clocks(0.001, 0.0001).state == "ok"
    assert "30.0 ms late" in judge_clocks(0.03, 0).detail
    assert judge_clocks(0.03, 0).state == "warning"
    assert "moved by -2000 ms" in judge_clocks(0, -2).detail


@pytest.mark.parametrize(("state", "found"), [(-1, "ok"), (0, "ok"), (5, "warning"), (3, "ok")])
def test_the_kernel_s_word_about_the_time(state: int, found: str) -> None:
    assert synchronised(lambda: state).state == found


def test_descriptors_and_processors() -> None:
    assert judge_descriptors(1000, 16_384).state == "ok"
    few = judge_descriptors(1000, 1024)
    assert (few.state, "LimitNOFILE" in few.advice) == ("warning", True)
    assert [judge_processors(count).state for count in (1, 2)] == ["warning", "ok"]


def test_a_carrier_s_clock() -> None:
    row = partial(Row, "carriers", "carrier twilio")
    assert judge_clock(None, row) == judge_clock(4.0, row) == judge_clock(-4.0, row) == []
    assert "93 s ahead of" in judge_clock(93.2, row)[0].detail
    assert "93 s behind" in judge_clock(-93.2, row)[0].detail


def test_the_time_in_a_reply() -> None:
    now = datetime.now(UTC) - timedelta(seconds=100)
    told = httpx.Headers({"Date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")})
    assert seconds_ahead(told) == pytest.approx(100, abs=3)
    for other in ({}, {"Date": "noon"}, {"Date": "Tue, 15 Nov 1994 08:12:31"}):
        assert seconds_ahead(httpx.Headers(other)) is None


# --- Folders and files -------------------------------------------------------------------


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = storage.look_at_folder("records", tmp_path / "a/b")
    assert (row.state, f"to be made in {tmp_path}" in row.detail) == ("ok", True)
    (tmp_path / "file").touch()
    [row] = storage.look_at_folder("records", tmp_path / "file/b")
    assert row.state == "failed"
    monkeypatch.setattr(storage, "LITTLE_MB", 1 << 50)
    [row] = storage.look_at_folder("records", tmp_path)
    assert row.state == "warning"
    monkeypatch.setattr(storage, "TOO_LITTLE_MB", 1 << 50)
    [row] = storage.look_at_folder("records", tmp_path)
    assert row.state == "failed"
    monkeypatch.setattr(os, "access", lambda *_: False)
    [row] = storage.look_at_folder("records", tmp_path)
    assert "not ours to write to" in row.detail


def test_secrets_in_an_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert storage.look_at_env_file(file)[0].state == "ok"
    file.touch(0o600)
    assert storage.look_at_env_file(file)[0].state == "ok"
    file.chmod(0o644)
    [row] = storage.look_at_env_file(file)
    assert (row.state, row.advice) == ("warning", f"chmod 600 {file}")


def test_damaged_tokens(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        storage.look_at_tokens(tmp_path)


# --- Certificates ------------------------------------------------------------------------


def certificate(folder: Path, *names: str, ends: datetime | None = None) -> tuple[Path, Path]:
    made = trustme.CA().issue_cert(*names, not_after=ends)
    cert, key = folder / "cert.pem", folder / "key.pem"
    made.cert_chain_pems[0].write_to_path(cert)
    made.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    return cert, key


def test_a_certificate_that_fits(tmp_path: Path) -> None:
    pair = certificate(tmp_path, "voice.example.com", "*.calls.example.com", "127.0.0.1")
    for host in (None, "voice.example.com", "a.calls.example.com", "127.0.0.1"):
        assert [row.state for row in look_at("media TLS", *pair, host)] == ["ok"], host
    for host in ("calls.example.com", "a.b.calls.example.com", "127.0.0.2"):
        states = [row.state for row in look_at("media TLS", *pair, host)]
        assert states == ["ok", "failed"], host
    pair[1].chmod(0o644)
    assert "chmod 600" in look_at("media TLS", *pair, None)[1].advice


def test_a_certificate_s_days(tmp_path: Path) -> None:
    ends = datetime(2031, 3, 1, tzinfo=UTC)
    pair = certificate(tmp_path, "voice.example.com", ends=ends)

    def told(now: datetime) -> tuple[str, str]:
        [row] = look_at("media TLS", *pair, None, lambda: now)
        return row.state, row.detail

    assert told(ends - timedelta(days=31))[0] == "ok"
    assert told(ends - timedelta(days=10)) == (
        "warning",
        "fits its key; valid until 2031-03-01, 10 days",
    )
    assert told(ends + timedelta(seconds=1)) == ("failed", "expired on 2031-03-01")
    assert told(datetime(1990, 1, 1, tzinfo=UTC))[1].startswith("valid from ")


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cert, _ = certificate(tmp_path, "a.example.com")
    _, key = certificate(tmp_path / "other", "a.example.com")
    with pytest.raises(ConfigError, match="cannot be used"):
        look_at("media TLS", cert, key, None)
