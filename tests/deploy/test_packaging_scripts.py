"""The package's maintainer scripts, and the container's health check, as programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from daemon.daemon_rig import node

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "packaging/deb"
CHECK = ROOT / "deploy/docker/healthcheck.py"
every_script = pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])


def run(name: str, *arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPTS / name), *arguments],
        env={"PATH": os.environ["PATH"], "DPKG_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@every_script
def test_an_unknown_argument_is_an_error(name: str, tmp_path: Path) -> None:
    done = run(name, "sing", root=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"{name}: called with an unknown argument: sing\n"


@every_script
def test_it_is_a_program(name: str) -> None:
    assert (SCRIPTS / name).stat().st_mode & 0o111 == 0o111


def test_purging_takes_the_cache_and_leaves_recordings_and_what_others_wrote(
    tmp_path: Path,
) -> None:
    kept = [tmp_path / "var/lib/trioaudio/calls.jsonl", tmp_path / "etc/trioaudio/credentials/key"]
    for each in [*kept, tmp_path / "var/cache/trioaudio/prompt"]:
        each.parent.mkdir(parents=True)
        each.write_text("x")
    (tmp_path / "etc/trioaudio/conf.d").mkdir()
    assert run("postrm", "remove", root=tmp_path).returncode == 0
    assert (tmp_path / "var/cache/trioaudio/prompt").exists()
    assert run("postrm", "purge", root=tmp_path).returncode == 0
    assert not (tmp_path / "var/cache/trioaudio").exists()
    assert not (tmp_path / "etc/trioaudio/conf.d").exists()
    assert all(each.exists() for each in kept)


def test_purging_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert run("postrm", "purge", root=tmp_path).returncode == 0


# --- The health check ------------------------------------------------------------------------


async def health(**environ: str) -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(20):
        return await trio.run_process(
            [sys.executable, "-I", str(CHECK)],
            env={"PATH": os.environ["PATH"], **environ},
            capture_stderr=True,
            check=False,
        )


async def test_a_daemon_at_work_is_well(tmp_path: Path) -> None:
    async with node(tmp_path) as daemon:
        listen = daemon.addresses.control.removeprefix("http://")
        done = await health(TRIOAUDIO_CONTROL_LISTEN=listen)
        assert (done.returncode, done.stderr) == (0, b"")
        port = listen.rpartition(":")[2]
        done = await health(TRIOAUDIO_CONTROL_LISTEN=f"0.0.0.0:{port}")
        assert done.returncode == 0, done.stderr


async def test_a_daemon_at_a_unix_socket_is_well(tmp_path: Path) -> None:
    place = str(tmp_path / "control.sock")
    async with node(tmp_path, control_listen=place):
        done = await health(TRIOAUDIO_CONTROL_LISTEN=place)
        assert (done.returncode, done.stderr) == (0, b"")


async def test_nobody_there_is_told_in_a_line(tmp_path: Path) -> None:
    done = await health(TRIOAUDIO_CONTROL_LISTEN=str(tmp_path / "none.sock"))
    assert done.returncode == 1
    assert done.stderr == b"no answer from /livez: [Errno 2] No such file or directory\n"


async def test_who_answers_no_http_is_not_well() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def babble(stream: trio.SocketStream) -> None:
        await stream.send_all(b"hello\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, babble, listeners)
        port = listeners[0].socket.getsockname()[1]
        done = await health(TRIOAUDIO_CONTROL_LISTEN=f"127.0.0.1:{port}")
        nursery.cancel_scope.cancel()
    assert done.returncode == 1
    assert done.stderr.startswith(b"no answer from /livez: ")


async def test_another_status_is_told() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, refuse, listeners)
        port = listeners[0].socket.getsockname()[1]
        done = await health(TRIOAUDIO_CONTROL_LISTEN=f"127.0.0.1:{port}")
        nursery.cancel_scope.cancel()
    assert (done.returncode, done.stderr) == (1, b"/livez answers 503\n")
