from __future__ import annotations

import base64
import hmac
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import attrs
import pytest
import trio
import trustme

from trioaudio.carriers import load_carrier
from trioaudio.core.carrier import CarrierSettings, Transport
from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError, OutputError
from trioaudio.core.facts import DoorRefused, Fact
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import DoorCheck, UpgradeRefusedError, UpgradeRequest
from trioaudio.core.verdict import known_error
from trioaudio.far_end import awaited, door_key, simulated
from trioaudio.net.dialler import Dialler, parse_url
from trioaudio.settings import Settings
from trioaudio.simulator_child import end_simulator

CARRIER = load_carrier("telecmi")
AUDIOSOCKET = attrs.evolve(CARRIER, transport=Transport.AUDIOSOCKET)
READ = "import sys; url = sys.stdin.readline(); "


@contextmanager
def child(program: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    try:
        yield process
    finally:
        end_simulator(process)


async def failure(program: str) -> Exception:
    with child(program) as process:
        try:
            with trio.fail_after(10):
                async with simulated(Settings(), CARRIER, process) as far_end:
                    await far_end.wait_report()
                    await trio.sleep(5)
        except BaseExceptionGroup as group:
            return known_error(group)
    raise AssertionError("it did not fail")


def test_paths_cannot_be_guessed() -> None:
    paths = {door_key(CARRIER) for _ in range(100)}
    assert len(paths) == 100
    assert all(path.startswith("/media/telecmi/") and len(path) > 40 for path in paths)


async def test_it_says_where_to_dial() -> None:
    async with awaited(Settings(), CARRIER, "127.0.0.1", 0) as far_end:
        assert far_end.url is not None
        assert far_end.url.startswith("ws://127.0.0.1:")
        await far_end.wait_report()
        assert far_end.report is None


def test_asterisk_is_told_a_uuid() -> None:
    key = door_key(AUDIOSOCKET)
    assert str(UUID(key)) == key
    assert UUID(key).version == 4


async def test_it_says_where_asterisk_is_to_dial() -> None:
    async with awaited(Settings(), AUDIOSOCKET, "127.0.0.1", 0) as far_end:
        assert far_end.url is not None
        address, _, uuid = far_end.url.removeprefix("audiosocket://").partition("/")
        stream = await trio.open_tcp_stream("127.0.0.1", int(address.rpartition(":")[2]))
        async with stream:
            await stream.send_all(b"\x01\x00\x10" + UUID(uuid).bytes)
            async with far_end.connect(5) as connection:
                assert connection.peer.startswith("127.0.0.1:")


async def test_audiosocket_is_not_taken_for_safe() -> None:
    settings = Settings(tls_cert_file=Path("c"), tls_key_file=Path("k"))
    with pytest.raises(ConfigError, match="has no TLS"):
        async with awaited(settings, AUDIOSOCKET, "127.0.0.1", 0):
            pass


async def test_the_url_is_the_public_one() -> None:
    settings = Settings(public_url="wss://voice.example.com/tel")
    async with awaited(settings, CARRIER, "127.0.0.1", 0) as far_end:
        assert far_end.url is not None
        assert far_end.url.startswith("wss://voice.example.com/tel/media/telecmi/")


async def test_a_listener_with_a_certificate_speaks_tls(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("127.0.0.1")
    both = tmp_path / "both.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(both))
    settings = Settings(tls_cert_file=both, tls_key_file=both)
    async with awaited(settings, CARRIER, "127.0.0.1", 0) as far_end:
        assert far_end.url is not None
        assert far_end.url.startswith("wss://127.0.0.1:")


async def refused(dialler: Dialler) -> str:
    try:
        async with dialler.connect(None):
            pass
    except BaseExceptionGroup as group:
        error = known_error(group)
        assert isinstance(error, LegRefusedError)
        return str(error)
    raise AssertionError("let in")


@attrs.frozen
class ProvingSettings(CarrierSettings):
    shared: Secret = Secret()


def prove(settings: CarrierSettings, request: UpgradeRequest) -> None:
    assert isinstance(settings, ProvingSettings)
    if request.headers.get("x-proof") != settings.shared.get():
        raise UpgradeRefusedError("no proof")


def shared_missing(settings: CarrierSettings) -> str | None:
    assert isinstance(settings, ProvingSettings)
    return None if settings.shared else "shared"


PROVING = attrs.evolve(
    CARRIER,
    settings=ProvingSettings(),
    door_check=DoorCheck(prove, shared_missing, "X-Proof"),
)


async def test_the_carrier_must_prove_itself_as_the_settings_say() -> None:
    facts: list[Fact] = []
    ready = ProvingSettings(shared=Secret("hush"))
    async with awaited(
        Settings(), PROVING, "127.0.0.1", 0, carrier_settings=ready, tell=facts.append
    ) as far_end:
        assert far_end.url is not None
        url = parse_url(far_end.url)
        wrong = Dialler(url, [(b"X-Proof", b"guess")], (), None, 5, 1000)
        assert "HTTP status 403" in await refused(wrong)
        right = Dialler(url, [(b"X-Proof", b"hush")], (), None, 5, 1000)
        async with trio.open_nursery() as nursery:

            async def dial() -> None:
                async with right.connect(None) as ours:
                    await ours.close()

            nursery.start_soon(dial)
            async with far_end.connect(5) as connection:
                await connection.receive(print)
    (fact,) = facts
    assert isinstance(fact, DoorRefused)
    assert (fact.status, fact.reason) == (403, "no proof")


@pytest.mark.parametrize("key", ["the token", "another"])
async def test_a_signature_over_the_public_url(key: str) -> None:
    twilio = load_carrier("twilio")
    ready = attrs.evolve(twilio.settings, auth_token=Secret("the token"))  # type: ignore[call-arg]
    settings = Settings(public_url="wss://voice.example.com/tel", trusted_proxies=("127.0.0.1",))
    async with awaited(settings, twilio, "127.0.0.1", 0, carrier_settings=ready) as far_end:
        assert far_end.url is not None
        signed = hmac.digest(key.encode(), far_end.url.encode(), "sha1")
        path = far_end.url.removeprefix("wss://voice.example.com/tel")  # the proxy takes it away
        proof = [(b"X-Twilio-Signature", base64.b64encode(signed))]
        url = f"ws://{far_end.address}{path}"
        dialler = Dialler(parse_url(url), proof, (), None, 5, 1000)
        if key != "the token":
            assert "HTTP status 403" in await refused(dialler)
            return
        async with trio.open_nursery() as nursery:

            async def dial() -> None:
                async with dialler.connect(None) as theirs:
                    await theirs.close()

            nursery.start_soon(dial)
            async with far_end.connect(5) as connection:
                await connection.receive(print)


async def test_nobody_listens_without_what_is_needed_to_check() -> None:
    with pytest.raises(ConfigError, match="TRIOAUDIO_TELECMI_SHARED is not set"):
        async with awaited(Settings(), PROVING, "127.0.0.1", 0):
            pass


async def test_a_door_nobody_came_to_in_time_is_shut() -> None:
    settings = Settings(answer_timeout_s=0.05)
    async with awaited(settings, CARRIER, "127.0.0.1", 0) as far_end:
        assert far_end.url is not None
        with pytest.raises(LegLostError, match=r"within 0\.0"):
            async with far_end.connect(None):
                pass
        late = Dialler(parse_url(far_end.url), (), (), None, 5, 1000)
        assert "HTTP status 410" in await refused(late)


async def test_the_simulator_s_door_is_on_this_machine_whatever_is_set() -> None:
    settings = Settings(
        authentication="forced-off",
        public_url="wss://voice.example.com",
        trusted_proxies=("127.0.0.1",),
        tls_cert_file=Path("no such file"),
        tls_key_file=Path("no such file"),
    )
    with child(READ + "print('{\"url\": \"' + url.strip() + '\"}'); ") as process:
        async with simulated(settings, PROVING, process) as far_end:
            await far_end.wait_report()
            assert far_end.report is not None
            assert far_end.report["url"].startswith("ws://127.0.0.1:")


async def test_the_report_of_a_simulator_that_ends_well() -> None:
    program = READ + "print('{}'); print('{\"frames\": 7}'); "
    with child(program) as process:
        async with simulated(Settings(), CARRIER, process) as far_end:
            await far_end.wait_report()
            assert far_end.report == {"frames": 7}


async def test_a_simulator_that_cannot_write_its_file() -> None:
    program = "import sys; sys.stderr.write('simulator: cannot write x: full\\n'); sys.exit(6)"
    exc = await failure(program)
    assert isinstance(exc, OutputError)
    assert str(exc) == "cannot write x: full"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.stderr.write('no\\nreally no\\n'); sys.exit(5)", "failed: really no"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
        (READ, "exit code 0"),
    ],
)
async def test_a_simulator_that_fails(program: str, words: str) -> None:
    exc = await failure(program)
    assert isinstance(exc, LegLostError)
    assert words in str(exc)


async def test_a_simulator_we_gave_up_may_fail() -> None:
    with child(READ + "sys.stdin.readline(); sys.exit(5)") as process:
        async with simulated(Settings(), CARRIER, process) as far_end:
            far_end.give_up()
            await far_end.wait_report()
            process.kill()
            await trio.sleep(0.2)


def test_a_simulator_that_does_not_leave_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.simulator_child.LEAVE_WITHIN", 0.1)
    with child("import time; time.sleep(60)") as process:
        pass
    assert process.returncode == -9
