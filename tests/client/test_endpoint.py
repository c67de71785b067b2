from __future__ import annotations

from pathlib import Path

import pytest

from trioaudio.client.endpoint import DEFAULT_URL, find_endpoint
from trioaudio.core.errors import ConfigError

LISTEN = "TRIOAUDIO_CONTROL_LISTEN"


def nowhere(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"TRIOAUDIO_STATE_FOLDER": str(tmp_path), **more}


def test_the_default(tmp_path: Path) -> None:
    found = find_endpoint(None, None, nowhere(tmp_path))
    assert (found.base_url, found.socket, found.shown) == (DEFAULT_URL, None, DEFAULT_URL)
    assert not found.token


def test_the_nearest_word_counts(tmp_path: Path) -> None:
    environ = nowhere(
        tmp_path, TRIOAUDIO_CONTROL_URL="http://b:2/", TRIOAUDIO_CONTROL_LISTEN="127.0.0.1:3"
    )
    assert find_endpoint("https://a", None, environ).base_url == "https://a"
    assert find_endpoint(None, None, environ).base_url == "http://b:2"
    del environ["TRIOAUDIO_CONTROL_URL"]
    assert find_endpoint(None, None, environ).base_url == "http://127.0.0.1:3"


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://[::1]:80"),
        ("[fe80::1]:80", "http://[fe80::1]:80"),
        ("192.0.2.1:80", "http://192.0.2.1:80"),
        ("localhost:80", "http://localhost:80"),
    ],
)
def test_what_the_daemon_listens_on(tmp_path: Path, listen: str, url: str) -> None:
    assert find_endpoint(None, None, nowhere(tmp_path, **{LISTEN: listen})).base_url == url


@pytest.mark.parametrize("path", ["/run/trioaudio/control.sock", "~/control.sock", "./c.sock"])
def test_a_unix_socket_the_daemon_listens_on(tmp_path: Path, path: str) -> None:
    found = find_endpoint(None, None, nowhere(tmp_path, **{LISTEN: path}))
    assert found.socket == str(Path(path).expanduser().absolute())
    assert found.base_url == "http://localhost"


def test_a_unix_socket_by_url(tmp_path: Path) -> None:
    found = find_endpoint("unix:///run/c.sock", None, nowhere(tmp_path))
    assert (found.socket, found.shown) == ("/run/c.sock", "unix:///run/c.sock")


@pytest.mark.parametrize(
    "url", ["localhost:8089", "ftp://x", "http://", "http://h:port", "unix://run/x", "http://[::1"]
)
def test_no_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"is no address|unix:///PATH"):
        find_endpoint(url, None, nowhere(tmp_path))


def test_no_address_to_listen_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither HOST:PORT nor a path"):
        find_endpoint(None, None, nowhere(tmp_path, **{LISTEN: "8089"}))


def test_a_password_in_the_url_is_not_shown(tmp_path: Path) -> None:
    assert "hush" not in find_endpoint("http://me:hush@h:1", None, nowhere(tmp_path)).shown
    with pytest.raises(ConfigError) as error:
        find_endpoint("ftp://me:hush@h:1", None, nowhere(tmp_path))
    assert "hush" not in str(error.value)


def test_where_the_token_comes_from(tmp_path: Path) -> None:
    (tmp_path / "control.token").write_text("ta_kept\n")
    environ = nowhere(tmp_path)
    assert find_endpoint(None, None, environ).token.get() == "ta_kept"
    environ["TRIOAUDIO_CONTROL_TOKEN"] = "ta_set"
    assert find_endpoint(None, None, environ).token.get() == "ta_set"
    assert find_endpoint(None, "ta_given", environ).token.get() == "ta_given"


def test_a_token_file_that_cannot_be_read(tmp_path: Path) -> None:
    token = tmp_path / "control.token"
    token.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        find_endpoint(None, None, nowhere(tmp_path))
    token.rmdir()
    token.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        find_endpoint(None, None, nowhere(tmp_path))


def test_a_state_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environ = {"TRIOAUDIO_STATE_FOLDER": str(tmp_path / "file")}
    assert not find_endpoint(None, None, environ).token
