"""Runs a program under what a unit's [Service] section forbids, as far as a process can forbid it.

    python sandbox.py UNIT PROGRAM ARGUMENT...

From the unit: SystemCallFilter=, SystemCallErrorNumber=, RestrictAddressFamilies=,
RestrictNamespaces=, MemoryDenyWriteExecute= (systemd's filter, and the kernel's own PR_SET_MDWE
where it has that), NoNewPrivileges= and CapabilityBoundingSet=. Not: users, mounts and devices.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ALLOW = 0x7FFF0000
EQ, GT, MASKED_EQ = 4, 6, 7
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000
NAMESPACES = 0x7E020080  # CLONE_NEW*
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 24, 38, 65
FAMILIES = 46
UNKNOWN = -1

libc = ctypes.CDLL(None, use_errno=True)


class Comparison(ctypes.Structure):
    """What an argument of a system call is held against: scmp_arg_cmp of seccomp.h."""

    _fields_ = [  # type: ignore[mutable-override]
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    ]


class Filter:
    """A filter of system calls; `load` puts it in force, for the process and all it starts."""

    def __init__(self, otherwise: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(otherwise)))

    def add(self, action: int, name: str, *comparisons: tuple[int, int, int, int]) -> None:
        """Act so on a call; one that this machine has not is left out."""
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number == UNKNOWN:
            return
        array = (Comparison * max(1, len(comparisons)))(
            *(Comparison(*each) for each in comparisons)
        )
        self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, len(comparisons), array
        )

    def load(self) -> None:
        """Put it in force."""
        failed = self._library.seccomp_load(self._context)
        if failed:
            raise OSError(-failed, "seccomp_load")


def refuse(code: int) -> int:
    return 0x00050000 | code


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return all values of each name."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def calls_of(groups: Iterable[str]) -> Iterator[str]:
    """Return the system calls of groups, and of the groups in them, as systemd has them."""
    for group in groups:
        if not group.startswith("@"):
            yield group
            continue
        told = subprocess.run(
            ["systemd-analyze", "--no-pager", "syscall-filter", group],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        lines = (line.strip() for line in told.splitlines()[1:])
        yield from calls_of([line for line in lines if line and not line.startswith("#")])


def forbid_calls(values: list[str], code: int) -> None:
    allowed: set[str] = set()
    for value in values:
        calls = set(calls_of(value.removeprefix("~").split()))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    # systemd allows these of itself: a program must be able to begin and to end.
    allowed |= set(calls_of(["@default", "execve"]))
    made = Filter(refuse(code))
    for name in sorted(allowed):
        made.add(ALLOW, name)
    made.load()


def forbid_written_code() -> None:
    """No memory that can be written to may be executed, and none may become so."""
    both = PROT_WRITE | PROT_EXEC
    made, no = Filter(ALLOW), refuse(errno.EPERM)
    made.add(no, "mmap", (2, MASKED_EQ, both, both))
    made.add(no, "mprotect", (2, MASKED_EQ, PROT_EXEC, PROT_EXEC))
    made.add(no, "pkey_mprotect", (2, MASKED_EQ, PROT_EXEC, PROT_EXEC))
    made.add(no, "shmat", (2, MASKED_EQ, SHM_EXEC, SHM_EXEC))
    made.load()
    libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # Linux 6.3; without it the filter has to do


def forbid_families(allowed: list[str]) -> None:
    wanted = {getattr(socket, name).value for name in allowed}
    made, no = Filter(ALLOW), refuse(errno.EAFNOSUPPORT)
    for family in set(range(FAMILIES)) - wanted:
        made.add(no, "socket", (0, EQ, family, 0))
    made.add(no, "socket", (0, GT, FAMILIES - 1, 0))
    made.load()


def forbid_namespaces() -> None:
    made = Filter(ALLOW)
    made.add(refuse(errno.ENOSYS), "clone3")  # its flags cannot be looked at
    made.add(refuse(errno.EPERM), "setns")
    for bit in range(64):
        if NAMESPACES >> bit & 1:
            for name in ("clone", "unshare"):
                made.add(refuse(errno.EPERM), name, (0, MASKED_EQ, 1 << bit, 1 << bit))
    made.load()


def confine(unit: Path) -> None:
    """Forbid this process what the unit forbids."""
    settings = settings_of(unit)
    if settings["CapabilityBoundingSet"] == [""]:
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if settings["NoNewPrivileges"] != ["yes"] or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError("privileges could be gained")
    (code,) = settings["SystemCallErrorNumber"]
    calls = settings["SystemCallFilter"]
    if settings["RestrictNamespaces"] == ["yes"]:
        forbid_namespaces()
    forbid_families(settings["RestrictAddressFamilies"][0].split())
    if settings["MemoryDenyWriteExecute"] == ["yes"]:
        forbid_written_code()
    forbid_calls(calls, getattr(errno, code))


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606
