"""Whoever copies a line of the quick starts and how-tos gets what they promise: all can be run."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from trioaudio.call_control import find_call_control
from trioaudio.carriers import carrier_names
from trioaudio.cli import _OF_THE_DAEMON, run_command_line
from trioaudio.configuration import load_configuration
from trioaudio.core.carrier import Role
from trioaudio.net.webhook_policy import webhook_policy_for

ROOT = Path(__file__).parents[1]
QUICK = ROOT / "docs/quick-start"
PAGES = sorted(
    [
        *QUICK.glob("*.md"),
        *(ROOT / "docs/how-to").glob("*.md"),
        ROOT / "docs/index.md",
        ROOT / "docs/comparison.md",
        ROOT / "docs/security.md",
    ]
)
CARRIER_PAGES = {
    path: {"freeswitch": "mod_audio_stream"}.get(path.stem, path.stem)
    for path in sorted(QUICK.glob("*.md"))
    if path.stem != "index"
}
API = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def page_id(path: Path) -> str:
    return path.relative_to(ROOT / "docs").as_posix()


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text_of(path), re.DOTALL | re.MULTILINE)


def lines(path: Path) -> list[str]:
    """Commands of a page, those over several lines as one."""
    return [
        line for block in blocks(path, "sh") for line in re.sub(r"\\\n\s*", "", block).splitlines()
    ]


every_page = pytest.mark.parametrize("page", PAGES, ids=page_id)
every_carrier = pytest.mark.parametrize(
    ("page", "carrier"), CARRIER_PAGES.items(), ids=CARRIER_PAGES.values()
)


# --- Each carrier has a page, and each page its parts ------------------------------------


def test_every_carrier_has_a_page_and_is_in_the_list() -> None:
    assert sorted(CARRIER_PAGES.values()) == sorted(carrier_names())
    listed = set(re.findall(r"\]\((\w+\.md)\)", text_of(QUICK / "index.md")))
    assert {path.name for path in CARRIER_PAGES} <= listed


@every_carrier
def test_a_page_says_how_it_fails_and_that_it_was_not_tried(page: Path, carrier: str) -> None:
    text = text_of(page)
    wrong = text.split("\n## What usually goes wrong\n")[1]
    assert len(re.findall(r"^- \*\*", wrong, re.MULTILINE)) == 3
    assert re.search(r"[Nn]ot\s+tried with|nothing to be wrong\s+about", text)
    assert "index.md#see-that-it-works" in text or carrier == "teler"


# --- Settings ----------------------------------------------------------------------------


def configurations(page: Path) -> Iterator[dict[str, str]]:
    for block in blocks(page, "env"):
        yield dict(line.split("=", 1) for line in block.splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that settings of the pages name."""
    folder = tmp_path_factory.mktemp("settings")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "vonage.key").write_bytes(pem)
    return folder


@every_page
def test_settings_are_taken_as_they_stand(page: Path, folder: Path) -> None:
    for environ in configurations(page):
        load_configuration({"XDG_STATE_HOME": str(folder), **environ}, folder)


@every_carrier
def test_a_carrier_s_settings_let_it_in(page: Path, carrier: str, folder: Path) -> None:
    settings = list(configurations(page))
    assert settings
    for environ in settings:
        found = load_configuration({"XDG_STATE_HOME": str(folder), **environ}, folder)
        assert list(found.carriers) == [carrier]
        enabled = found.carriers[carrier]
        assert enabled.door is not None or Role.ANSWER not in enabled.carrier.roles


# --- URLs for the console ----------------------------------------------------------------


def test_urls_for_consoles_are_answered(folder: Path) -> None:
    answered = 0
    for page, carrier in CARRIER_PAGES.items():
        for kind, name in re.findall(r"//voice\.example\.com/(answer|media)/(\w+)", text_of(page)):
            assert name == carrier, page
            if kind == "media":
                continue
            environ = next(configurations(page))
            found = load_configuration({"XDG_STATE_HOME": str(folder), **environ}, folder)
            control = find_call_control(carrier)
            assert control is not None
            host = found.serve.media_listen
            webhook_policy_for(  # ConfigError if nobody may ask
                control,
                found.carriers[carrier].settings,
                found.settings,
                getattr(host, "host", "127.0.0.1"),
                key=found.serve.webhook_key,
            )
            answered += 1
    assert answered >= 10


def test_media_urls_for_consoles_are_open(folder: Path) -> None:
    """A URL that is the same for all calls leads nowhere with call tokens."""
    for page, carrier in CARRIER_PAGES.items():
        url = f"    wss://voice.example.com/media/{carrier}"
        if url in text_of(page).splitlines():
            assert next(configurations(page))["TRIOAUDIO_MEDIA_AUTH"] == "forced-off", page


# --- Commands ----------------------------------------------------------------------------


def our_commands(page: Path) -> Iterator[list[str]]:
    for line in lines(page):
        for part in re.split(r" \| | && |\w+=\$\((?=trioaudio)", line):
            if re.match(r"(\.venv/bin/)?trioaudio ", part):
                yield shlex.split(re.sub(r'"\$\(.*\)"', "…", part))[1:]


@every_page
def test_every_command_and_option_exists(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in our_commands(page):
        verb = [] if words[0].startswith("-") else words[: 2 if words[0] == "simulate" else 1]
        with pytest.raises(SystemExit) as left:
            run_command_line([*verb, "--help"])
        assert left.value.code == 0, words
        options = {word for word in words if word.startswith("--")}
        told = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
        assert options <= told, words


def requests(page: Path) -> Iterator[tuple[str, Any]]:
    for line in lines(page):
        body = re.search(r"--json '([^']*)'", line)
        if body is None:
            continue
        call = re.search(r'"(?:http://127\.0\.0\.1:8089/v1/calls/)?\$CALL/([a-z-]+)"', line)
        assert call is not None or re.search(r"/v1/calls\b|\$API/calls\b", line), line
        path = f"/v1/calls/{{call}}/{call[1]}" if call is not None else "/v1/calls"
        yield path, json.loads(body[1])


@every_page
def test_every_request_is_what_the_api_takes(page: Path) -> None:
    for path, body in requests(page):
        schema = API["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": API["components"]}
        jsonschema_rs.validator_for(whole).validate(body)


@every_carrier
def test_a_page_has_something_said(page: Path, carrier: str) -> None:
    """By a request, or for Teler by the command line; and to a carrier that is its own."""
    asked = list(requests(page))
    said = [words for words in our_commands(page) if words[0] == "say"]
    assert asked or said
    for path, body in asked:
        if path == "/v1/calls":
            assert body["carrier"] == carrier
            assert body["first"][0]["then"] == "hang-up"


def test_who_is_called_by_rest_can_be() -> None:
    """A page has us call somebody exactly where there is a way to do it."""
    for page, carrier in CARRIER_PAGES.items():
        control = find_call_control(carrier)
        places = control is not None and control.place is not None
        assert any("to" in body for _, body in requests(page)) == places, page


@every_page
def test_python_in_the_pages_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        exec(compile(tree, page.name, "exec"), {})  # noqa: S102  its imports, its definitions


# --- The page of the command line --------------------------------------------------------

COMMAND_LINE = ROOT / "docs/command-line.md"
ELSEWHERE = {"--help", "--version"}


def told_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Return the options a verb's help lists."""
    with pytest.raises(SystemExit) as left:
        run_command_line([*words, "--help"])
    assert left.value.code == 0, words
    usage = capsys.readouterr().out
    return set(re.findall(r"(?<=[\s,[(|])--[a-z]+(?:-[a-z]+)*", usage)) - ELSEWHERE


def test_the_command_line_page_has_every_verb_and_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sections = re.split(r"^#+ ", text_of(COMMAND_LINE), flags=re.MULTILINE)
    headed = dict(section.split("\n", 1) for section in sections if section)
    pages = {name[10:]: text for name, text in headed.items() if name.startswith("trioaudio ")}
    assert set(_OF_THE_DAEMON) < set(pages)
    for verb, section in pages.items():
        if verb == "simulate":
            continue  # has a page of its own
        words = {"--text": [], "token": ["token", "create"]}.get(verb, [verb])
        named = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", section)) - ELSEWHERE
        assert named == told_options(words, capsys), verb
