"""The units as systemd reads them, and the daemon under what they forbid and provide."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from system.processes import COMMAND, Runner, read_wav, wait

ROOT = Path(__file__).resolve().parent.parent.parent
UNITS = ROOT / "systemd"
SANDBOX = Path(__file__).with_name("sandbox.py")
FORBIDDEN = """
import mmap, os, socket
for name, does in {
    "written code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "owner": lambda: os.chown(".", 0, 0),
    "user": lambda: os.setuid(1),
    "internet": lambda: socket.socket().close(),
}.items():
    try:
        does()
    except OSError:
        print(name, "refused")
    else:
        print(name, "allowed")
"""

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's tools"),
]


# --- The units ----------------------------------------------------------------------------


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(folder / "check.sh")], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_units_are_sound_and_let_little_through() -> None:
    done = checked(UNITS)
    assert done.returncode == 0, done.stderr
    assert {each.name for each in UNITS.glob("trioaudio*.s*et")} | {
        each.name for each in UNITS.glob("trioaudio*.service")
    } == set(re.findall(r"(\S+) verified", done.stdout))
    exposures = [
        float(each) for each in re.findall(r"exposure level for \S+: ([\d.]+)", done.stdout)
    ]
    assert len(exposures) == 3
    assert max(exposures) <= 1.5


@pytest.mark.parametrize(
    ("unit", "right", "wrong", "told"),
    [
        ("trioaudio.service", "WatchdogSec=", "WatchDog=", "WatchDog"),
        ("trioaudio.socket", "\nListenStream=", "\nListenStraem=", "ListenStraem"),
        ("trioaudio.service", "CapabilityBoundingSet=\n", "", "exposure level"),
        ("trioaudio.sysusers", "u trioaudio", "u other", ""),
    ],
)
def test_what_is_wrong_is_found(
    tmp_path: Path, unit: str, right: str, wrong: str, told: str
) -> None:
    folder = tmp_path / "systemd"
    shutil.copytree(UNITS, folder)
    text = (folder / unit).read_text()
    assert right in text
    (folder / unit).write_text(text.replace(right, wrong, 1))
    done = checked(folder)
    assert done.returncode != 0
    assert told in done.stderr


# --- The daemon under them ------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit", ["trioaudio.service", "trioaudio@.service", "trioaudio-say@.service"]
)
def test_the_sandbox_forbids(runner: Runner, unit: str) -> None:
    command = (sys.executable, str(SANDBOX), str(UNITS / unit), sys.executable, "-c", FORBIDDEN)
    done = runner.run(command=command)
    assert done.out.splitlines() == [
        "written code refused", "netlink refused", "owner refused", "user refused",
        "internet allowed",
    ], done  # fmt: skip


def test_the_daemon_speaks_under_what_its_unit_forbids(runner: Runner) -> None:
    """With its own filter of system calls, and no memory that is both written and executed."""
    daemon = runner.start(
        *("serve", "--media-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"),
        *("--greeting", "Good morning to you.", "--carriers", "raw"),
        command=(sys.executable, str(SANDBOX), str(UNITS / "trioaudio.service"), *COMMAND),
        env={
            "TRIOAUDIO_STATE_FOLDER": str(runner.folder / "state"),
            "TRIOAUDIO_CACHE_FOLDER": str(runner.folder / "cache"),
            "TRIOAUDIO_MEDIA_AUTH": "off",
        },
    )
    daemon.until(lambda: bool(re.search(r"\] ready\b", daemon.err)))
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    media = re.search(r"media=(\S+)", daemon.err)
    assert media is not None
    carrier = runner.start(
        *("simulate", "carrier", "--carrier", "raw", "--no-watch-stdin"),
        *("--dial", f"{media[1]}/media/raw", "--out", "heard.wav", "--hang-up-after", "1.5"),
    ).wait()
    assert carrier.code == 0, carrier
    assert read_wav(runner.folder / "heard.wav").peak > 1000
    daemon.signal(signal.SIGTERM)
    done = daemon.wait()
    assert (done.code, "Traceback" in done.err) == (0, False), done
    daemon.until_alone()


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="needs systemd-socket-activate"
)
def test_systemd_passes_its_sockets(runner: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    control = runner.folder / "control.sock"
    told = runner.folder / "notify"
    environ = {
        "TRIOAUDIO_STATE_FOLDER": str(runner.folder / "state"),
        "TRIOAUDIO_CACHE_FOLDER": str(runner.folder / "cache"),
        "NOTIFY_SOCKET": str(told),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(told))
        manager.settimeout(20)
        daemon = runner.start(
            *(f"--setenv={name}" for name in environ),
            *("--setenv=SYSTEM_TEST_MARK", "--fdname=media:control"),
            *(f"--listen=127.0.0.1:{port}", f"--listen={control}", *COMMAND, "serve"),
            command=("systemd-socket-activate",),
            env=environ,
        )
        daemon.until(control.is_socket)
        with socket.create_connection(("127.0.0.1", port), 5) as first:
            first.sendall(b"GET /media/raw HTTP/1.1\r\nHost: a\r\n\r\n")
            first.settimeout(20)
            assert first.recv(100).startswith(b"HTTP/1.1 426 ")
        while b"READY=1" not in manager.recv(4096):
            wait(0.01)
        daemon.until_err(f"media=ws://127.0.0.1:{port} control={control}")
        for child in daemon.relatives():
            pid = child.split()[0]
            if int(pid) != daemon.process.pid:
                inherited = Path(f"/proc/{pid}/environ").read_bytes()
                assert b"LISTEN_FDS" not in inherited
                assert b"NOTIFY_SOCKET" not in inherited
        daemon.signal(signal.SIGTERM)
        done = daemon.wait()
        assert done.code == 0, done
        while b"STOPPING=1" not in manager.recv(4096):
            wait(0.01)
    assert control.is_socket(), "it is not ours to remove"
    daemon.until_alone()


def test_nobody_is_refused_while_it_is_started_anew() -> None:
    environ = {name: value for name, value in os.environ.items() if "TRIOAUDIO" not in name}
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "restart.py"), "--self-test", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environ,
    )
    assert done.returncode == 0, done
    figures = json.loads(done.stdout)
    assert figures["restarts"] == 1
    assert figures["answered"] + figures["busy"] == figures["attempts"] > 10
    assert figures["refused"] == figures["broken"] == figures["unanswered"] == 0
