"""What the benchmark needs of the machine (cores, a C compiler, open files), and what it is."""

import importlib.metadata
import os
import platform
import resource
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"
FLOOR_PROGRAM = BUILD / "floor"
PEER_PROGRAM = BUILD / "peer"
CALLEE_PROGRAM = BUILD / "callee"

OTHER_FILES = 64  # what a process holds open besides one socket per leg


class CannotRunError(Exception):
    """The machine lacks something the benchmark needs; the text says what and what to do."""


def compile_programs() -> None:
    """Compile floor.c, peer.c and callee.c into .build/."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise CannotRunError(
            "a C compiler is needed: cc, gcc or clang (Debian, Ubuntu: apt install gcc libc6-dev)"
        )
    BUILD.mkdir(exist_ok=True)
    for program in (FLOOR_PROGRAM, PEER_PROGRAM, CALLEE_PROGRAM):
        source = f"{program.name}.c"
        command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), source]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRunError(f"{source} does not compile here:\n{done.stderr}")


def choose_cores(wanted: list[int] | None) -> tuple[int, int]:
    """Choose the sender's core and the peer's: the wanted ones, or the first two usable."""
    usable = sorted(os.sched_getaffinity(0))
    cores = wanted or usable[:2]
    if len(usable) < 2:
        raise CannotRunError(
            f"two cores are needed, this process may use {len(usable)}: "
            "on one core the receiver would take the time that is being measured"
        )
    if len(cores) != 2 or cores[0] == cores[1] or not set(cores) <= set(usable):
        raise CannotRunError(f"--cores wants two different ones of {usable}")
    return cores[0], cores[1]


def allow_open_files(legs: int) -> None:
    """Raise the limit of open files, which the children inherit, to one per leg and some."""
    needed = legs + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
    except (ValueError, OSError) as exc:
        raise CannotRunError(
            f"{legs} legs need {needed} open files, the hard limit is {hard} (ulimit -Hn)"
        ) from exc


def describe_machine() -> dict[str, str]:
    """Say what a reader needs to compare two results, and nothing that names the machine."""
    return {
        "CPU": _cpu_model(),
        "cores": f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "trio": _version("trio"),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
