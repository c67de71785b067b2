"""Where verbs find the daemon: config.toml, `.env`, the environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from client_verbs.asking import with_call
from trioaudio import config_file
from trioaudio.cli import run_command_line
from trioaudio.client_verbs.variables import listens_itself, variables_of, variables_or_exit
from trioaudio.core.errors import ConfigError
from trioaudio.text_file import ForbiddenFileError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The usual config.toml, which is not there yet."""
    path = tmp_path / "etc" / "config.toml"
    path.parent.mkdir()
    monkeypatch.setattr(config_file, "DEFAULT_FILE", path)
    monkeypatch.chdir(tmp_path)
    return path


def test_each_place_is_stronger_than_those_before_it(config: Path, tmp_path: Path) -> None:
    config.write_text(
        'control_listen = "h:1"\nstate_folder = "/one"\nlisten = "h:9"\ncalls_most = 3\n'
        '[carrier.twilio]\nauth_token = "x"\n'
    )
    (config.parent / "conf.d").mkdir()
    (config.parent / "conf.d" / "a.toml").write_text('control_listen = "h:2"')
    found = variables_of({}, tmp_path)
    assert found == {
        "TRIOAUDIO_CONTROL_LISTEN": "h:2",
        "TRIOAUDIO_LISTEN": "h:9",
        "TRIOAUDIO_STATE_FOLDER": "/one",
    }
    assert listens_itself({}, tmp_path)
    (tmp_path / ".env").write_text("TRIOAUDIO_CONTROL_LISTEN=h:3\nOTHER=x\n")
    assert variables_of({}, tmp_path)["TRIOAUDIO_CONTROL_LISTEN"] == "h:3"
    environ = {"TRIOAUDIO_CONTROL_LISTEN": "h:4"}
    assert variables_of(environ, tmp_path)["TRIOAUDIO_CONTROL_LISTEN"] == "h:4"
    assert environ == {"TRIOAUDIO_CONTROL_LISTEN": "h:4"}


def test_another_file_may_be_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('control_listen = "h:5"')
    named = {"TRIOAUDIO_CONFIG": "mine.toml"}
    assert variables_of(named, tmp_path)["TRIOAUDIO_CONTROL_LISTEN"] == "h:5"
    (tmp_path / ".env").write_text("TRIOAUDIO_CONFIG=mine.toml\n")
    assert variables_of({}, tmp_path)["TRIOAUDIO_CONTROL_LISTEN"] == "h:5"
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        variables_of({"TRIOAUDIO_CONFIG": "none.toml"}, tmp_path)
    assert not listens_itself({"TRIOAUDIO_CONFIG": "none.toml"}, tmp_path)


def test_values_may_stand_elsewhere(config: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ta_x\n")
    (tmp_path / "address").write_text("h:6\n")
    config.write_text(f'control_listen = "${{file:{tmp_path}/address}}"')
    environ = {
        "TRIOAUDIO_CONTROL_TOKEN": "${cred:token}",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "TRIOAUDIO_GREETING": "${cred:not-asked-for}",
    }
    found = variables_of(environ, tmp_path)
    assert found["TRIOAUDIO_CONTROL_LISTEN"] == "h:6"
    assert found["TRIOAUDIO_CONTROL_TOKEN"] == "ta_x"
    assert found["TRIOAUDIO_GREETING"] == "${cred:not-asked-for}"
    with pytest.raises(ConfigError, match=r"^TRIOAUDIO_CONTROL_TOKEN: \$\{cred:none\}: "):
        variables_of(environ | {"TRIOAUDIO_CONTROL_TOKEN": "${cred:none}"}, tmp_path)


def test_a_closed_file_is_the_daemon_s_affair(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise ForbiddenFileError(f"{path}: Permission denied")

    config.write_text('control_listen = "h:1"')
    monkeypatch.setattr(config_file, "read_text_file", refuse)
    assert variables_of({}, tmp_path) == {}


def test_a_verb_finds_the_daemon_by_the_file(
    config: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIOAUDIO_CONTROL_URL", raising=False)
    with with_call() as far:
        url = far.environ["TRIOAUDIO_CONTROL_URL"]
        config.write_text(f'control_listen = "{url.removeprefix("http://")}"\n')
        monkeypatch.setenv("TRIOAUDIO_CONTROL_TOKEN", far.environ["TRIOAUDIO_CONTROL_TOKEN"])
        assert run_command_line(["calls"]) == 0
    assert "call-1" in capsys.readouterr().out
    config.write_text("control_listen = ")
    assert run_command_line(["calls"]) == 2
    assert "config.toml line 1" in capsys.readouterr().err


def test_tokens_are_kept_where_the_file_says(
    config: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIOAUDIO_STATE_FOLDER", raising=False)
    config.write_text(f'state_folder = "{tmp_path}/state"\n')
    assert run_command_line(["token", "create", "me"]) == 0
    assert (tmp_path / "state" / "tokens.json").is_file()
    capsys.readouterr()
    config.write_text("state_folder =")
    with pytest.raises(SystemExit) as ended:
        run_command_line(["token", "list"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"trioaudio: error: {config} line 1")


def test_without_files_it_is_the_environment(config: Path, tmp_path: Path) -> None:
    assert variables_or_exit({"A": "b"}, tmp_path) == {"A": "b"}


def test_asking_for_help_reads_no_file_and_imports_no_toml(tmp_path: Path) -> None:
    program = (
        "import sys; from trioaudio.cli import run_command_line\n"
        "try: run_command_line(['--help'])\n"
        "except SystemExit: pass\n"
        "names = {'attrs', 'tomllib', 'trioaudio.config_file', 'trioaudio.references', 'json'}\n"
        "print(sorted(names & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr == "[]\n"
