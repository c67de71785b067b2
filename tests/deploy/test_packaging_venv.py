"""A virtual environment that was filled in one folder is fit to live in another."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / "packaging/settle_venv.py"
FINAL = Path("/opt/trioaudio")
PYTHON = Path("/usr/bin/python3.11")
BODY = "import sys\nfrom trioaudio.__main__ import main\nsys.exit(main())\n"


def settle_venv() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settle_venv", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def filled(folder: Path) -> Path:
    """What `python -m venv` and pip leave behind, in little."""
    built = folder / "built"
    site = built / "lib/python3.11/site-packages"
    write(built / "pyvenv.cfg", f"home = /somewhere\ncommand = python -m venv {built}\n")
    write(built / "bin/trioaudio", f"#!{built}/bin/python\n{BODY}")
    write(built / "bin/httpx", f"#!{built}/bin/python\n")
    write(built / "bin/activate", f"VIRTUAL_ENV={built}\n")
    write(built / "bin/__pycache__/x.pyc", "")
    (built / "bin/python").symlink_to("/somewhere/python3")
    (built / "lib64").symlink_to("lib")
    (built / "include").mkdir()
    write(site / "trioaudio/__init__.py", "")
    write(site / "numpy/_core/tests/test_it.py", "")
    info = site / "trioaudio-1.0.dist-info"
    write(info / "direct_url.json", f'{{"url": "file://{built}"}}')
    write(
        info / "RECORD",
        "../../../bin/trioaudio,sha256=old,1\n"
        "../../../bin/httpx,sha256=old,1\n"
        "trioaudio/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
        "numpy/_core/tests/test_it.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
        "trioaudio-1.0.dist-info/direct_url.json,sha256=old,1\n"
        "trioaudio-1.0.dist-info/RECORD,,\n",
    )
    return built


def test_the_program_is_run_by_the_interpreter_of_its_final_folder(tmp_path: Path) -> None:
    built = filled(tmp_path)
    settle_venv().settle(built, FINAL, PYTHON)
    assert (built / "bin/trioaudio").read_text() == f"#!/opt/trioaudio/bin/python\n{BODY}"
    assert (built / "bin/python").readlink() == PYTHON
    assert (built / "bin/python3").readlink() == Path("python")
    assert "home = /usr/bin\n" in (built / "pyvenv.cfg").read_text()


def test_a_program_that_a_shell_starts_is_started_directly(tmp_path: Path) -> None:
    built = filled(tmp_path)
    write(
        built / "bin/trioaudio",
        f"#!/bin/sh\n'''exec' {built}/bin/python \"$0\" \"$@\"\n' '''\n{BODY}",
    )
    settle_venv().settle(built, FINAL, PYTHON)
    assert (built / "bin/trioaudio").read_text() == f"#!/opt/trioaudio/bin/python\n{BODY}"


def test_only_what_is_needed_stays_and_the_record_holds(tmp_path: Path) -> None:
    built = filled(tmp_path)
    settle_venv().settle(built, FINAL, PYTHON)
    site = built / "lib/python3.11/site-packages"
    assert sorted(each.name for each in (built / "bin").iterdir()) == [
        "python",
        "python3",
        "python3.11",
        "trioaudio",
    ]
    assert sorted(each.name for each in built.iterdir()) == ["bin", "lib", "pyvenv.cfg"]
    assert not (site / "numpy/_core/tests").exists()
    rows = [
        row.split(",") for row in (site / "trioaudio-1.0.dist-info/RECORD").read_text().splitlines()
    ]
    assert [row[0] for row in rows] == [
        "../../../bin/trioaudio",
        "trioaudio/__init__.py",
        "trioaudio-1.0.dist-info/RECORD",
    ]
    for name, digest, length in rows[:-1]:
        content = (site / name).read_bytes()
        made = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        assert (digest, length) == (f"sha256={made}", str(len(content))), name


def test_what_still_names_the_old_folder_is_an_error(tmp_path: Path) -> None:
    built = filled(tmp_path)
    write(built / "lib/python3.11/site-packages/told.pth", f"{built}/lib\n")
    with pytest.raises(ValueError, match=r"still named in lib/python3\.11/site-packages/told\.pth"):
        settle_venv().settle(built, FINAL, PYTHON)


def test_without_the_program_it_says_what_to_do(tmp_path: Path) -> None:
    built = filled(tmp_path)
    (built / "bin/trioaudio").unlink()
    with pytest.raises(ValueError, match="install trioaudio there first"):
        settle_venv().settle(built, FINAL, PYTHON)
