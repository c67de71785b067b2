"""Far ends that refuse, vanish, or talk nonsense: one line, exit code 5, nothing half-written."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme

from system.processes import (
    LONG,
    SHORT,
    Conversation,
    Runner,
    accept_websocket,
    head,
    last_report,
    peer,
    read_until_closed,
    read_wav,
    wait,
)

pytestmark = pytest.mark.system


def refuse(sock: socket.socket) -> None:
    head(sock)
    sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def no_websocket(sock: socket.socket) -> None:
    head(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def close_at_once(sock: socket.socket) -> None:
    head(sock)


def no_http(sock: socket.socket) -> None:
    sock.sendall(b"220 mail.example.com ESMTP\r\n")
    read_until_closed(sock)


def garbage(sock: socket.socket) -> None:
    accept_websocket(sock)
    sock.sendall(b"\xff" * 64)
    read_until_closed(sock)


def big_message(sock: socket.socket) -> None:
    accept_websocket(sock)
    sock.sendall(b"\x82\x7f" + (10 << 20).to_bytes(8, "big") + bytes(2 << 20))
    read_until_closed(sock)


def close_politely(sock: socket.socket) -> None:
    accept_websocket(sock)
    sock.recv(100)
    sock.sendall(b"\x88\x02\x03\xe8")
    read_until_closed(sock)


def no_text(sock: socket.socket) -> None:
    accept_websocket(sock)
    sock.sendall(b"\x81\x02\xff\xfe")
    read_until_closed(sock)


@pytest.mark.parametrize(
    ("conversation", "words"),
    [
        (refuse, "HTTP status 403"),
        (no_websocket, "HTTP status 200"),
        (close_at_once, "closed"),
        (no_http, "WebSocket"),
        (garbage, "no WebSocket frame"),
        (big_message, "over 1048576 bytes"),
        (close_politely, "before all was said"),
        (no_text, "UTF-8"),
    ],
)
def test_a_far_end_that_misbehaves(runner: Runner, conversation: Conversation, words: str) -> None:
    with peer(conversation) as url:
        done = runner.run(
            *("--text", LONG, "--carrier", "raw", "--url", url, "--report", "r.json"),
            env={"TRIOAUDIO_DIAL_TIMEOUT_S": "1"},
        )
    done.fails(5, words)
    assert runner.report("r.json")["cause"] in (None, "carrier-lost")
    assert done.seconds < 6


def test_nobody_listens(runner: Runner) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{sock.getsockname()[1]}/"
        done = runner.run("--text", SHORT, "--carrier", "raw", "--url", url, "--out", "x.wav")
    done.fails(5, "cannot be reached", "refused")


def test_a_name_that_does_not_exist(runner: Runner) -> None:
    url = "ws://carrier.invalid/"
    runner.run("--text", SHORT, "--carrier", "raw", "--url", url).fails(5, "carrier.invalid")


def test_nobody_answers_in_time(runner: Runner) -> None:
    with peer(lambda _: wait(2)) as url:
        done = runner.run(
            *("--text", SHORT, "--carrier", "raw", "--url", url),
            env={"TRIOAUDIO_DIAL_TIMEOUT_S": "0.5"},
        )
    done.fails(5, "handshake")


def test_no_carrier_dials_in_in_time(runner: Runner) -> None:
    done = runner.run(
        *("--text", SHORT, "--listen", "127.0.0.1:0"), env={"TRIOAUDIO_ANSWER_TIMEOUT_S": "0.3"}
    )
    done.fails(5, "no carrier connected within 0.3 s")


@pytest.mark.parametrize("trusted", [False, True])
def test_tls(runner: Runner, trusted: bool, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    def conversation(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as tls:
            accept_websocket(tls)
            read_until_closed(tls)

    # This far end does not answer a close frame.
    env = {"TRIOAUDIO_SEND_DEADLINE_S": "0.5"}
    if trusted:
        env["TRIOAUDIO_TLS_CA_FILE"] = str(ca_file)
    with peer(conversation, "wss") as url:
        done = runner.run(
            *("--text", SHORT, "--carrier", "raw", "--url", url, "--report", "r.json"), env=env
        )
    if trusted:
        assert done.code == 0, done
        assert runner.report("r.json")["frames"] > 0
    else:
        done.fails(5, "not trusted", "TRIOAUDIO_TLS_CA_FILE")


def test_no_tls_where_tls_was_expected(runner: Runner) -> None:
    with peer(no_http, "wss") as url:
        done = runner.run("--text", SHORT, "--carrier", "raw", "--url", url)
    done.fails(5, "really a wss:// port")


def test_a_ca_file_that_is_not_there(runner: Runner) -> None:
    done = runner.run(
        *("--text", SHORT, "--carrier", "raw", "--url", "wss://127.0.0.1:9/"),
        env={"TRIOAUDIO_TLS_CA_FILE": "none.pem"},
    )
    done.fails(2, "none.pem")


def test_a_far_end_that_never_reads(runner: Runner) -> None:
    ended = threading.Event()

    def never_read(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        accept_websocket(sock)
        ended.wait(20)

    # An utterance in one message of 160 kB: more than the kernel's buffers hold for long.
    with peer(never_read) as url:
        done = runner.run(
            *("--text", LONG * 4, "--carrier", "raw", "--url", url, "--no-out", "--report", "r"),
            env={
                "TRIOAUDIO_RAW_FRAMES_PER_MESSAGE": "0",
                "TRIOAUDIO_SEND_DEADLINE_S": "0.5",
                "TRIOAUDIO_REDIAL_ATTEMPTS": "0",
                "TRIOAUDIO_RESTARTS_MOST": "0",
            },
        )
        ended.set()
    done.fails(5, "has read nothing for 0.5 s")
    assert runner.report("r")["stalls"] >= 1


def test_a_far_end_that_is_killed_in_mid_speech(runner: Runner) -> None:
    carrier, url = runner.listening_carrier()
    call = runner.start(
        *("--text", LONG, "--carrier", "raw", "--url", url, "--out", "x.wav", "--report", "r.json"),
        env={"TRIOAUDIO_REDIAL_FIRST_S": "0.05", "TRIOAUDIO_REDIAL_ATTEMPTS": "2"},
    )
    call.until_err("first frame sent")
    wait(0.3)
    carrier.process.kill()
    done = call.wait(10)
    done.fails(5, "cannot be reached")
    report = runner.report("r.json")
    assert report["cause"] == "carrier-lost"
    assert report["framed"] == report["frames"] + report["flushed"]
    assert len(read_wav(runner.folder / "x.wav").samples) == report["frames"] * 480
    assert runner.files() == ["r.json", "x.wav"]


def test_the_simulated_carrier_is_killed_in_mid_speech(runner: Runner) -> None:
    call = runner.start("--text", LONG, "--report", "r.json")
    call.until_err("first frame sent")
    pid = next(int(each.split()[0]) for each in call.relatives() if "simulators.carrier" in each)
    signalled(pid)
    done = call.wait(5)
    done.fails(5, "simulated carrier")
    call.until_alone()


def signalled(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_the_voice_is_killed_in_mid_speech(runner: Runner) -> None:
    call = runner.start("--text", LONG, "--no-out", "--report", "r.json")
    call.until_err("first frame sent")
    for each in call.relatives():
        if "espeak_worker" in each:
            signalled(int(each.split()[0]))
    call.until_err("engine restarted")
    call.signal(signal.SIGINT)
    assert call.wait(5).code == 130
    call.until_alone()


def test_the_carrier_hangs_up_before_all_is_said(runner: Runner) -> None:
    call = runner.start("--text", LONG, "--listen", "127.0.0.1:0", "--report", "r.json")
    started = time.monotonic()
    carrier = runner.carrier("--dial", call.url(), "--fault", "close-after=5")
    done = call.wait(10)
    done.fails(5, "before all was said")
    assert last_report(carrier.wait())["frames"] == 5
    assert runner.report("r.json")["cause"] == "carrier-lost"
    assert time.monotonic() - started < 5
