"""What the benchmark needs of the machine (cores, a C compiler, open files), and what it is."""

import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import subprocess
import time
from pathlib import Path

import attrs

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"
FLOOR_PROGRAM = BUILD / "floor"
PEER_PROGRAM = BUILD / "peer"
CALLEE_PROGRAM = BUILD / "callee"
MEMORY_PROGRAM = BUILD / "memory_latency"
CERTIFICATE_DAYS = 30

OTHER_FILES = 64  # what a process holds open besides one socket per leg
MEMORY_S = 10  # a third of a second where nothing else runs
NOT_MEASURED = "not measured"


class CannotRunError(Exception):
    """The machine lacks something the benchmark needs; the text says what and what to do."""


@attrs.frozen
class Certificate:
    """The files of a certificate the benchmark made itself."""

    certificate: Path
    key: Path

    def __str__(self) -> str:
        """As senders take it."""
        return f"{self.certificate},{self.key}"


def compile_programs() -> bool:
    """Compile what is of C into .build/; return whether it speaks TLS."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise CannotRunError(
            "a C compiler is needed: cc, gcc or clang (Debian, Ubuntu: apt install gcc libc6-dev)"
        )
    BUILD.mkdir(exist_ok=True)
    _compile(compiler, CALLEE_PROGRAM)
    with contextlib.suppress(CannotRunError):  # no figure but one of the machine's is made by it
        _compile(compiler, MEMORY_PROGRAM)
    tls = False
    for program in (FLOOR_PROGRAM, PEER_PROGRAM):
        try:
            _compile(compiler, program, "-DWITH_TLS", "-lssl", "-lcrypto")
            tls = True
        except CannotRunError:  # no headers of OpenSSL, most likely: then everything but TLS
            _compile(compiler, program)
            tls = False
    return tls


def _compile(compiler: str, program: Path, *options: str) -> None:
    source, new = f"{program.name}.c", program.with_suffix(f".{os.getpid()}")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(new), source, *options]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRunError(f"{source} does not compile here:\n{done.stderr}")
    new.replace(program)  # another benchmark may be running the one that was there


def make_certificate() -> Certificate | None:
    """Have a self-signed certificate for 127.0.0.1 in .build/; None without the openssl command."""
    made = Certificate(BUILD / "certificate.pem", BUILD / "key.pem")
    openssl = shutil.which("openssl")
    if made.key.exists() and made.certificate.exists():
        age = time.time() - made.certificate.stat().st_mtime  # noqa: TID251  the age of a file
        if age < CERTIFICATE_DAYS * 86400 / 2:
            return made
    if openssl is None:
        return None
    BUILD.mkdir(exist_ok=True)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    command = [openssl, "req", "-x509", *curve, *names, *files, "-days", str(CERTIFICATE_DAYS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRunError(f"openssl makes no certificate here:\n{done.stderr}")
    return made


def read_numbers(text: str) -> list[int]:
    """Read numbers with commas between them: cores of the command line, for one."""
    return [int(number) for number in text.split(",")]


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
        "memory": measure_memory(),
    }


def measure_memory() -> str:
    """Say how long a load takes that nothing can hasten: the median and the best of short passes.

    A third of a second; "not measured" without the program, which is no reason to do without the
    benchmark.
    """
    try:
        done = subprocess.run(
            [str(MEMORY_PROGRAM)], capture_output=True, text=True, check=True, timeout=MEMORY_S
        )
    except (OSError, subprocess.SubprocessError):
        return NOT_MEASURED
    sizes = json.loads(done.stdout)
    medians = ", ".join(f"{each['median_ns']:.0f} ns ({_size(each['kb'])})" for each in sizes)
    best = " / ".join(f"{each['best_ns']:.0f}" for each in sizes)
    return f"{medians} a load, at best {best}"


def _size(kb: int) -> str:
    return f"{kb} kB" if kb < 1024 else f"{kb // 1024} MB"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
