"""What benchmarks say of the machine, and how those of a whole daemon and of trials end."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import machine, two_cores
from bench.figures import Figure, faults, lateness, spread_ms
from bench.machine import NOT_MEASURED, CannotRunError, compile_programs, describe_machine
from bench.report import as_markdown
from bench.serving import ServingError
from bench.trial import TrialError, run_or_tell
from bench.two_cores import TwoCores, judge, new_parser, run_whole

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
PROGRAMS = ("callee", "floor", "peer", "memory_latency")
SIZES = [
    {"kb": 256, "best_ns": 4.61, "median_ns": 5.2},
    {"kb": 1024, "best_ns": 10.9, "median_ns": 12.0},
    {"kb": 4096, "best_ns": 98.4, "median_ns": 123.7},
    {"kb": 16384, "best_ns": 150.2, "median_ns": 169.9},
]
ALL_GOOD = (faults("lost", 0), spread_ms("wait", [1.0], p99=5))
TOO_SLOW = (faults("lost", 0), spread_ms("wait", [9.0], p99=5))
FAULTY = (faults("lost", 2),)


def programs_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have sources and programs there, not in bench/."""
    monkeypatch.setattr(machine, "HERE", folder)
    monkeypatch.setattr(machine, "BUILD", folder / "build")
    for name in PROGRAMS:
        (folder / f"{name}.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
        constant = f"{name.removesuffix('_latency').upper()}_PROGRAM"
        monkeypatch.setattr(machine, constant, folder / "build" / name)


def memory_program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "memory_latency"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr(machine, "MEMORY_PROGRAM", program)


# --- The machine -------------------------------------------------------------------------


def test_the_memory_is_told_in_one_short_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_program(tmp_path, monkeypatch, f"echo '{json.dumps(SIZES)}'")
    told = describe_machine()
    assert told["memory"] == (
        "5 ns (256 kB), 12 ns (1 MB), 124 ns (4 MB), 170 ns (16 MB) a load,"
        " at best 5 / 11 / 98 / 150"
    )
    head = as_markdown([["legs"], ["1"]], told, []).splitlines()[0]
    assert head.startswith("CPU: ")
    assert head.endswith(f", memory: {told['memory']}")


@pytest.mark.parametrize("script", ["exit 1", "echo '[]'; kill -9 $$"])
def test_memory_that_cannot_be_measured_is_no_failure(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_program(tmp_path, monkeypatch, script)
    assert describe_machine()["memory"] == NOT_MEASURED


def test_memory_is_not_measured_where_nothing_was_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "MEMORY_PROGRAM", tmp_path / "none")
    assert describe_machine()["memory"] == NOT_MEASURED


@pytest.mark.skipif(COMPILER is None, reason="a C compiler is needed")
def test_a_load_takes_longer_where_the_memory_is_larger(tmp_path: Path) -> None:
    assert COMPILER is not None
    program, source = tmp_path / "memory_latency", machine.HERE / "memory_latency.c"
    options = ("-O2", "-Wall", "-Wextra", "-Werror")
    subprocess.run([COMPILER, *options, "-o", str(program), str(source)], check=True)
    done = subprocess.run([str(program)], capture_output=True, check=True)
    sizes = json.loads(done.stdout)
    assert [each["kb"] for each in sizes] == [256, 1024, 4096, 16384]
    assert all(0 < each["best_ns"] <= each["median_ns"] for each in sizes)
    assert sizes[0]["best_ns"] < sizes[-1]["best_ns"]


@pytest.mark.skipif(COMPILER is None, reason="a C compiler is needed")
def test_only_the_memory_s_program_may_fail_to_compile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs_in(tmp_path, monkeypatch)
    (tmp_path / "memory_latency.c").write_text("no C\n", encoding="ascii")
    compile_programs()
    assert sorted(each.name for each in (tmp_path / "build").iterdir()) == [
        "callee",
        "floor",
        "peer",
    ]
    assert describe_machine()["memory"] == NOT_MEASURED
    (tmp_path / "callee.c").write_text("no C\n", encoding="ascii")
    with pytest.raises(CannotRunError, match=r"callee\.c does not compile here"):
        compile_programs()


# --- How they end ------------------------------------------------------------------------


def failing(error: Exception) -> Callable[..., int]:
    def run(*_given: object) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("benchmark", "code", "told"),
    [
        (lambda: 3, 3, ""),
        (failing(CannotRunError("no cores")), 2, "cannot run: no cores\n"),
        (failing(TrialError("no legs")), 1, "a trial failed: no legs\n"),
    ],
)
def test_a_benchmark_of_trials_tells_why_it_has_no_result(
    benchmark: Callable[[], int], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_or_tell(benchmark) == code
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("options", "figures", "code"),
    [
        ([], FAULTY, 0),
        (["--check"], ALL_GOOD, 0),
        (["--check"], TOO_SLOW, 3),
        (["--check"], FAULTY, 3),
        (["--self-test"], TOO_SLOW, 0),
        (["--self-test"], FAULTY, 3),
    ],
)
def test_times_count_for_a_check_and_faults_for_a_self_test(
    options: list[str], figures: tuple[Figure, ...], code: int
) -> None:
    assert judge(new_parser("What?", self_test=True).parse_args(options), figures) == code


def test_a_parser_has_the_options_that_were_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    parser = new_parser("What?\n\nMore.", check=False, cores="OURS,PEER")
    assert parser.parse_args(["--cores", "3,1"]) == argparse.Namespace(cores=[3, 1])
    assert parser.description == "What?"
    assert "--cores OURS,PEER" in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args(["--cores", "one"])
    assert "--cores" in capsys.readouterr().err


def test_a_daemon_s_benchmark_prints_the_machine_and_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(two_cores, "move_in", lambda *_: TwoCores((4, 5), {"CPU": "fast"}))
    seen: list[tuple[int, int]] = []

    def measure(cores: tuple[int, int]) -> list[Figure]:
        seen.append(cores)
        return list(TOO_SLOW)

    given = new_parser("", self_test=True).parse_args(["--check"])
    assert run_whole(given, measure) == 3
    assert seen == [(4, 5)]
    told = capsys.readouterr().out
    assert told.startswith("CPU: fast\nload average at the end: ")
    assert TOO_SLOW[1].row() in told


@pytest.mark.parametrize(
    ("move_in", "measure", "code", "told"),
    [
        (failing(CannotRunError("no cores")), failing(AssertionError()), 2, "cannot run: no cores"),
        (
            lambda *_: TwoCores((0, 1), {}),
            failing(ExceptionGroup("", [ExceptionGroup("", [ServingError("it died")])])),
            1,
            "failed: it died",
        ),
    ],
)
def test_a_daemon_s_benchmark_tells_why_it_has_no_figures(
    move_in: Callable[..., TwoCores],
    measure: Callable[[tuple[int, int]], list[Figure]],
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(two_cores, "move_in", move_in)
    assert run_whole(new_parser("", self_test=True).parse_args([]), measure) == code
    said = capsys.readouterr()
    assert said.err == f"{told}\n"
    assert said.out == ""


def test_lateness_is_held_by_its_p99() -> None:
    assert lateness("frames", (4.0, 5.0)).row() == (
        "| frames | p50 4.00, p99 5.00 ms | p99 5 ms | yes |"
    )
    assert lateness("frames", (1.0, 5.1, 9.0)).row() == (
        "| frames | p50 1.00, p99 5.10, max 9.00 ms | p99 5 ms | **no** |"
    )
    assert lateness("frames", (1.0, math.nan)).held is False
    assert lateness("frames", (1.0, 9.0), limited=False).row() == (
        "| frames | p50 1.00, p99 9.00 ms |  |  |"
    )
