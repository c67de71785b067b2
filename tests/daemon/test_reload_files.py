"""A reload reads config.toml, conf.d and what values refer to; a broken file changes nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.daemon_rig import Node, node, wait_for
from trioaudio.carriers.twilio import TwilioSettings
from trioaudio.client import ProblemError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file whose secret is another file."""
    (tmp_path / "twilio").write_text("one\n")
    path = tmp_path / "config.toml"
    path.write_text(
        'greeting = "Good morning."\ncall_most_s = 100\n'
        f'[carrier.twilio]\nauth_token = "${{file:{tmp_path}/twilio}}"\n'
    )
    path.chmod(0o600)
    return path


def twilio_token(made: Node) -> str:
    own = made.desk.works.configuration.carriers["twilio"].settings
    assert isinstance(own, TwilioSettings)
    return own.auth_token.get()


def read(path: Path) -> str:
    return path.read_text()


def write(path: Path, text: str) -> None:
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def follow(made: Node) -> None:
    """Send the signal, and wait until what was read is in force."""
    old = made.desk.works
    os.kill(os.getpid(), signal.SIGHUP)
    await wait_for(lambda: made.desk.works is not old)


async def test_a_signal_has_files_and_what_they_refer_to_read_anew(
    tmp_path: Path, config: Path
) -> None:
    async with node(tmp_path, config=str(config)) as made:
        serve = made.desk.works.configuration.serve
        assert (serve.greeting, serve.call_most_s, twilio_token(made)) == (
            "Good morning.",
            100,
            "one",
        )
        (tmp_path / "twilio").write_text("two\n")
        await follow(made)
        assert twilio_token(made) == "two", "no setting was touched, only the file it refers to"

        (tmp_path / "conf.d").mkdir()
        (tmp_path / "conf.d" / "10.toml").write_text("call_most_s = 200\n")
        await follow(made)
        serve = made.desk.works.configuration.serve
        assert (serve.greeting, serve.call_most_s) == ("Good morning.", 200)

        (tmp_path / "credentials").mkdir()
        (tmp_path / "credentials" / "token").write_text("three")
        made.environ["CREDENTIALS_DIRECTORY"] = str(tmp_path / "credentials")
        write(
            config, 'greeting = "Good evening."\n[carrier.twilio]\nauth_token = "${cred:token}"\n'
        )
        await follow(made)
        serve = made.desk.works.configuration.serve
        assert (serve.greeting, serve.call_most_s) == ("Good evening.", 200)
        assert twilio_token(made) == "three"


BROKEN = [
    ("config.toml", "greeting = Hi", "config.toml line 1"),
    ("config.toml", "call_most_s = -1", "call_most_s='-1' (in "),
    ("conf.d/10.toml", "call_most_s = 'long'", "conf.d/10.toml): not a whole number"),
    ("conf.d/10.toml", "webhook_key = '${cred:x}'", "CREDENTIALS_DIRECTORY is not set"),
    ("twilio", "", "twilio is empty; put the value into it"),
]


async def test_a_broken_file_leaves_the_old_configuration_and_says_why(
    tmp_path: Path, config: Path
) -> None:
    right = read(config)
    async with node(tmp_path, config=str(config)) as made:
        old = made.desk.works
        (tmp_path / "conf.d").mkdir()
        for name, text, words in BROKEN:
            (tmp_path / name).write_text(text)
            with pytest.raises(ProblemError) as caught:
                await made.client.reload()
            assert caught.value.status == 422
            assert words in str(caught.value.problem)
            assert made.desk.works is old
            assert twilio_token(made) == "one"
            write(config, right)
            write(tmp_path / "conf.d" / "10.toml", "")

        write(tmp_path / "twilio", "two")
        await follow(made)
        assert twilio_token(made) == "two", "mended, and asked again"


async def test_a_signal_that_finds_a_broken_file_has_the_log_say_why(
    tmp_path: Path, config: Path
) -> None:
    async with node(tmp_path, config=str(config)) as made:
        old = made.desk.works
        write(config, "greeting =")
        with capture_logs() as logged:
            os.kill(os.getpid(), signal.SIGHUP)
            await wait_for(lambda: any("old" in each["event"] for each in logged))
        [told] = [each for each in logged if "old" in each["event"]]
        assert told["event"] == "the old configuration stays in force"
        assert "config.toml line 1" in told["problem"]
        assert made.desk.works is old


async def test_a_file_that_is_gone_is_a_mistake_too(tmp_path: Path, config: Path) -> None:
    async with node(tmp_path, config=str(config)) as made:
        remove(config)
        with pytest.raises(ProblemError) as caught:
            await made.client.reload()
        assert "config.toml: No such file" in str(caught.value.problem)
        assert made.desk.works.configuration.serve.greeting == "Good morning."
