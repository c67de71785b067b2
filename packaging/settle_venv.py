"""Make a virtual environment that was filled in one folder fit to live in another: /opt/trioaudio.

`settle_venv.py BUILT FINAL PYTHON`: afterwards nothing in BUILT names the folder it was built in,
its interpreter is PYTHON, its only program is trioaudio, packages' own tests are gone, and what is
left is as the packages' RECORD files say.
"""

# ruff: noqa: INP001  a program, not a package
from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
import sys
from pathlib import Path

PROGRAM = "trioaudio"
_ORIGIN = "direct_url.json"
"""Where a wheel came from: https://packaging.python.org/en/latest/specifications/direct-url/"""
_COMPILED = "__pycache__"
"""What pip compiles while it looks round names the folder; all is compiled anew afterwards."""
_TESTS = ("tests", "_tests")
"""Folders of packages that nothing imports at work; numpy's alone are a tenth of all."""


def settle(built: Path, final: Path, python: Path) -> None:
    """Rewrite what names `built`; ValueError when something else does, or nothing is there."""
    _settle_interpreter(built / "bin", python)
    version = python.name.removeprefix("python")
    (built / "pyvenv.cfg").write_text(
        f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {version}\n",
        encoding="utf-8",
    )
    _settle_program(built / "bin" / PROGRAM, final)
    for each in sorted(built.glob("lib/python*/site-packages/**/")):
        if each.name in (*_TESTS, _COMPILED) and each.is_dir():
            shutil.rmtree(each)
    for each in (built / "include", built / "lib64"):
        _remove(each)
    for record in sorted(built.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        (record.parent / _ORIGIN).unlink(missing_ok=True)
        _settle_record(record)
    if left := leftovers(built):
        names = ", ".join(str(each.relative_to(built)) for each in left[:5])
        raise ValueError(f"{built} is still named in {names}")


def leftovers(built: Path) -> list[Path]:
    """Return the files, without compiled ones, that hold the path they were built in."""
    path = str(built).encode()
    files = (each for each in sorted(built.rglob("*")) if each.is_file() and not each.is_symlink())
    return [each for each in files if path in each.read_bytes()]


def _settle_interpreter(folder: Path, python: Path) -> None:
    """Keep the program only, and let it find its interpreter."""
    for each in folder.iterdir():
        if each.name != PROGRAM:
            _remove(each)
    (folder / "python").symlink_to(python)
    (folder / "python3").symlink_to("python")
    (folder / python.name).symlink_to("python")


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _settle_program(program: Path, final: Path) -> None:
    if not program.is_file():
        raise ValueError(f"{program} is missing; install trioaudio there first")
    first, _, rest = program.read_text(encoding="utf-8").partition("\n")
    # A folder with a long name has pip write a line for sh, which starts the interpreter.
    if first == "#!/bin/sh":
        rest = rest.split("' '''\n", 1)[1]
    program.write_text(f"#!{final}/bin/python\n{rest}", encoding="utf-8")


def _settle_record(record: Path) -> None:
    """Leave out what is gone, and say anew how long the rest is and what its digest is."""
    site = record.parent.parent
    rows = csv.reader(io.StringIO(record.read_text(encoding="utf-8")))
    kept = io.StringIO()
    writer = csv.writer(kept, lineterminator="\n")
    for name, digest, length in rows:
        file = (site / name).resolve()
        if not file.is_file():
            continue
        if digest and "site-packages" not in file.parts:
            writer.writerow((name, f"sha256={_digest(file)}", file.stat().st_size))
        else:
            writer.writerow((name, digest, length))
    record.write_text(kept.getvalue(), encoding="utf-8")


def _digest(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: settle_venv.py BUILT FINAL PYTHON")
    settle(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), Path(sys.argv[3]))
