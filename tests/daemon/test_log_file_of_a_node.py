"""The log file of a daemon that runs: a full disk below it, and SIGHUP after it was moved."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import trio

from daemon.daemon_rig import hear, node, raw_carrier, wait_for
from trioaudio.api.events import CallEnded
from trioaudio.observe.logs import get_logger, open_logging


async def test_a_full_disk_is_counted_and_told_and_a_moved_file_opened_anew(tmp_path: Path) -> None:
    link, kept = tmp_path / "errors.log", tmp_path / "kept.log"
    link.symlink_to("/dev/full")
    log = get_logger("trioaudio.test")
    lines: list[str] = []
    with open_logging("info", "json", link, lines.append) as counts:
        async with (
            node(tmp_path, carriers="raw") as made,
            raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
        ):
            made.daemon.log_counts = counts
            made.daemon.reloading.hide = counts.hide
            started = await made.event("call.answered")
            call = made.client.call(started.call)
            await call.say("A disk is full, and nobody hears that.")
            for number in range(30):
                log.error("bad", number=number)
                await trio.lowlevel.checkpoint()
            await hear(carrier, 10)
            await wait_for(lambda: counts.failed == 30)
            text, _ = await made.desk.metrics()
            assert b"\ntrioaudio_log_lines_lost_total 30.0\n" in text
            # Moved away, as logrotate does it: SIGHUP has it opened anew at once.
            link.unlink()
            link.symlink_to(kept)
            os.kill(os.getpid(), signal.SIGHUP)
            await made.event("utterance.completed", cause="normal")
            log.error("better")
            await call.hang_up()
            ended = await made.event("call.ended")
    assert isinstance(ended, CallEnded)
    assert ended.record["frames"]["flushed"] == 0  # bench/full_disk.py measures the lateness
    written = [json.loads(line) for line in kept.read_text().splitlines()]
    missing, better = written[0], written[1]
    assert (missing["failed"], missing["dropped"]) == (30, 0)
    assert better["event"] == "better"
    console = [json.loads(line)["event"] for line in lines]
    assert console.count("bad") == 30
    assert console.count("the log file takes no lines") == 1
