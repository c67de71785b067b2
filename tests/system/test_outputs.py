"""Files on a disk that fills up: never half a file under its name, and the call goes on."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.processes import LONG, SHORT, Runner, last_report, read_wav

pytestmark = pytest.mark.system


@pytest.fixture
def small_disk(runner: Runner) -> Iterator[Path]:
    """A file system of 64 KiB: two seconds at 16 kHz."""
    folder = runner.folder / "disk"
    folder.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["/bin/umount", str(folder)], check=True)


def test_the_disk_fills_up_under_the_simulated_carrier(runner: Runner, small_disk: Path) -> None:
    done = runner.run("--text", LONG, "--out", "disk/x.wav", "--rate", "16000")
    done.fails(6, "cannot write disk/x.wav: No space left on device")
    assert list(small_disk.iterdir()) == []


def test_the_disk_fills_up_under_a_recording(runner: Runner, small_disk: Path) -> None:
    carrier, url = runner.listening_carrier("--rate", "16000")
    text = "One two three four five six seven eight nine."
    done = runner.run(
        *("--text", text, "--carrier", "raw", "--url", url),
        *("--out", "disk/x.wav", "--report", "r.json", "--rate", "16000"),
    )
    done.fails(6, "cannot write disk/x.wav: No space left on device")
    # The telephone call itself was not cut short.
    report, far = runner.report("r.json"), last_report(carrier.wait())
    assert report["cause"] == "normal"
    assert far["frames"] == report["frames"] > 34
    assert list(small_disk.iterdir()) == []


def test_the_disk_is_full_when_the_report_is_written(runner: Runner, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(64 * 1024 - 4096 * 2))
    call = runner.start("--text", SHORT, "--no-out", "--report", "disk/r.json")
    call.until_err("first frame sent")
    with contextlib.suppress(OSError), (small_disk / "more").open("wb", buffering=0) as more:
        while True:
            more.write(bytes(4096))
    done = call.wait()
    done.fails(6, "cannot write disk/r.json: No space left on device")
    assert sorted(each.name for each in small_disk.iterdir()) == ["ballast", "more"]


def test_what_was_there_before_is_replaced_only_at_the_end(runner: Runner) -> None:
    path = runner.folder / "x.wav"
    path.write_bytes(b"before")
    call = runner.start("--text", SHORT, "--out", "x.wav")
    call.until_err("first frame sent")
    assert path.read_bytes() == b"before"
    assert call.wait().code == 0
    assert read_wav(path).ms > 300


def test_a_link_stays_a_link(runner: Runner) -> None:
    (runner.folder / "r.json").symlink_to("target.json")
    done = runner.run("--text", SHORT, "--no-out", "--report", "r.json")
    assert done.code == 0
    assert (runner.folder / "r.json").is_symlink()
    assert runner.report("target.json")["frames"] > 0
