from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.carriers import load_carrier
from trioaudio.core.encoding import Encoding
from trioaudio.settings import Settings
from trioaudio.simulator_child import end_simulator, start_simulator

pytestmark = pytest.mark.system


@pytest.mark.parametrize("encoding", [None, Encoding.MULAW])
def test_it_is_told_what_to_expect_and_waits_for_a_url(
    tmp_path: Path, encoding: Encoding | None
) -> None:
    out = tmp_path / "heard.wav"
    process = start_simulator(load_carrier("plivo"), Settings(), 180, out, encoding)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"ws://127.0.0.1:1/\n")
        assert process.wait(10) == 5
        assert process.stdout.read() == b""
    finally:
        end_simulator(process)
    assert isinstance(process.args, list)
    arguments = process.args[3:]
    assert arguments[arguments.index("--carrier") + 1] == "plivo"
    assert arguments[arguments.index("--lead-ms") + 1] == "180"
    assert ("--encoding" in arguments) is (encoding is not None)
    assert not list(tmp_path.iterdir())


def test_it_leaves_when_nobody_tells_it_a_url() -> None:
    process = start_simulator(load_carrier("raw"), Settings(), 0, None)
    end_simulator(process)
    assert process.returncode is not None
