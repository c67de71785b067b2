from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import config_file
from trioaudio.config_file import ConfigFiles, read_config_files
from trioaudio.core.errors import ConfigError
from trioaudio.text_file import ForbiddenFileError, read_text_file

HUSH = "hush-hush-42"


@pytest.fixture
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the usual file would be."""
    path = tmp_path / "etc" / "config.toml"
    path.parent.mkdir()
    monkeypatch.setattr(config_file, "DEFAULT_FILE", path)
    return path


def shut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the reading of one file refused, whoever runs the tests."""
    read = read_text_file

    def refuse(asked: Path) -> str:
        if asked == path:
            raise ForbiddenFileError(
                f"{path}: Permission denied; make it a file this user may read"
            )
        return read(asked)

    monkeypatch.setattr(config_file, "read_text_file", refuse)


def values_of(found: ConfigFiles) -> list[dict[tuple[str, ...], object]]:
    assert found.problems == found.forbidden == ()
    return [dict(each.values) for each in found.files]


def test_no_file_is_no_problem(usual: Path, tmp_path: Path) -> None:
    assert read_config_files("", tmp_path) == ConfigFiles((), (), ())


def test_the_usual_file_and_those_beside_it_by_name(usual: Path, tmp_path: Path) -> None:
    usual.write_text('a = 1\n[carrier.twilio]\nauth_token = "x"\nb.c = [true, 1.5]\n[empty]\n')
    folder = usual.parent / "conf.d"
    folder.mkdir()
    for name in ("20-b.toml", "10-a.toml", "9-c.toml", ".hidden.toml", "30.toml~", "README"):
        (folder / name).write_text(f'who = "{name}"\n')
    assert values_of(read_config_files("", tmp_path)) == [
        {
            ("a",): 1,
            ("carrier", "twilio", "auth_token"): "x",
            ("carrier", "twilio", "b", "c"): [True, 1.5],
        },
        {("who",): "10-a.toml"},
        {("who",): "20-b.toml"},
        {("who",): "9-c.toml"},
    ]


def test_the_folder_alone(usual: Path, tmp_path: Path) -> None:
    (usual.parent / "conf.d").mkdir()
    (usual.parent / "conf.d" / "a.toml").write_text("a = 1")
    assert values_of(read_config_files("", tmp_path)) == [{("a",): 1}]


def test_another_file(usual: Path, tmp_path: Path) -> None:
    usual.write_text("not = read")
    (tmp_path / "mine.toml").write_text("a = 1")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "x.toml").write_text("a = 2")
    assert values_of(read_config_files("mine.toml", tmp_path)) == [{("a",): 1}, {("a",): 2}]
    assert values_of(read_config_files(f"{tmp_path}/mine.toml", Path("/"))) == [
        {("a",): 1},
        {("a",): 2},
    ]


def test_another_file_must_be_there(usual: Path, tmp_path: Path) -> None:
    found = read_config_files("none.toml", tmp_path)
    assert found.problems == (
        f"{tmp_path}/none.toml: No such file or directory; make it a file this user may read",
    )
    [problem] = read_config_files(".", tmp_path).problems
    assert "Is a directory" in problem


def test_no_home_folder(tmp_path: Path) -> None:
    [problem] = read_config_files("~nobody-of-that-name/a.toml", tmp_path).problems
    assert "the home folder is not known" in problem


def test_a_link_in_the_folder_that_leads_nowhere_is_told(usual: Path, tmp_path: Path) -> None:
    usual.symlink_to(tmp_path / "nowhere")
    (usual.parent / "conf.d").mkdir()
    (usual.parent / "conf.d" / "a.toml").symlink_to(tmp_path / "nowhere")
    found = read_config_files("", tmp_path)
    assert [each.partition(":")[0] for each in found.problems] == [
        str(usual),
        str(usual.parent / "conf.d" / "a.toml"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'a = 1\nb = "{HUSH}\n', "no TOML: Illegal character"),
        (f"a = 1\n\nb = {HUSH}", "line 3, column 5: no TOML: Invalid value"),
        ("a = 1\na = 2", "no TOML: Cannot overwrite a value"),
        ("a = 1\n[b", "line 2: no TOML: Expected"),
        ("a = " + "9" * 5000, "beyond all limits"),
        ("a = " + "[" * 5000, "too deep"),
        ("a = 1\n\0", "line 2: holds a NUL"),
    ],
)
def test_what_is_no_toml(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    [problem] = read_config_files("a.toml", tmp_path).problems
    assert problem.startswith(f"{tmp_path}/a.toml")
    assert words in problem
    assert HUSH not in problem


@settings(max_examples=30)
@given(st.text(max_size=200))
def test_whatever_a_file_says_is_read_or_told(text: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
        found = read_config_files("a.toml", Path(folder))
    assert len(found.files) + len(found.problems) == 1


def test_every_file_that_is_wrong_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a =")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "1.toml").write_bytes(b"\xff")
    (tmp_path / "conf.d" / "2.toml").write_text("a = 1")
    found = read_config_files("a.toml", tmp_path)
    assert len(found.problems) == 2
    assert [dict(each.values) for each in found.files] == [{("a",): 1}]


def test_a_usual_file_that_is_closed_is_told_apart(
    usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual.write_text("a = 1")
    shut(usual, monkeypatch)
    found = read_config_files("", tmp_path)
    assert (found.files, found.problems) == ((), ())
    assert found.forbidden == (f"{usual}: Permission denied; make it a file this user may read",)
    named = read_config_files(str(usual), tmp_path)
    assert (named.problems, named.forbidden) == (found.forbidden, ())


def test_a_folder_that_is_closed(
    usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    usual.write_text("a = 1")
    found = read_config_files("", tmp_path)
    assert len(found.files) == 1
    assert found.forbidden == (
        f"{usual.parent}/conf.d: Permission denied; let this user read the folder",
    )


def test_who_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = 1")
    path.chmod(0o640)
    assert [each.readable_by_all for each in read_config_files("a.toml", tmp_path).files] == [False]
    path.chmod(0o644)
    assert [each.readable_by_all for each in read_config_files("a.toml", tmp_path).files] == [True]
    assert not config_file.readable_by_all(tmp_path / "gone")


def test_it_is_cheap_to_import() -> None:
    code = (
        "import sys, trioaudio.config_file; sys.exit(bool({'attrs', 'tomllib'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_file_by_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        config_file.read_config_file(tmp_path / "none")
