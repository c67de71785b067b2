"""The simulated carrier's command line: what may be asked of it, and what is no sense."""

from __future__ import annotations

import argparse
import enum
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.core.pcm import PTIME_MS, PcmFormat
from trioaudio.simulators.faults import Faults, read_faults


class Dialect(enum.Enum):
    """Whose protocol is spoken."""

    TELECMI = "telecmi"
    RAW = "raw"


class PlayMode(enum.Enum):
    """What a new message does to the one still playing."""

    QUEUE = "queue"
    CUT = "cut"


class MetadataKind(enum.Enum):
    """What the one text message about the call holds."""

    NONE = "none"
    UUID = "uuid"
    JSON = "json"


class MetadataWhen(enum.Enum):
    """When that message is sent, seen from the first caller audio."""

    BEFORE = "before"
    AFTER = "after"
    NEVER = "never"


class Caller(enum.Enum):
    """What the far end says."""

    SILENCE = "silence"
    TONE = "tone"
    NONE = "none"


@attrs.frozen
class Options:
    """All that was asked for."""

    dialect: Dialect
    dial: str | None
    listen: tuple[str, int] | None
    url_from_stdin: bool
    pcm: PcmFormat
    lead_ms: int
    jitter_ms: int
    out: Path | None
    play_mode: PlayMode
    metadata: MetadataKind
    metadata_when: MetadataWhen
    caller: Caller
    tls_ca: Path | None
    headers: tuple[tuple[str, str], ...]
    clear_message: str | None
    end_message: str | None
    faults: Faults
    patient: bool
    events: bool
    watch_stdin: bool
    child: bool


def parse(argv: Sequence[str]) -> Options:
    """Read the command line; argparse ends the process with exit code 2 on what is no sense."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        return _options(given)
    except ConfigError as exc:
        # Without the usage, which would drown the one line that says what is wrong.
        parser.exit(2, f"{parser.prog}: {exc}\n")


def _options(given: argparse.Namespace) -> Options:
    dialect = Dialect(given.dialect)
    if given.listen is not None and dialect is not Dialect.RAW:
        raise ConfigError("--listen is for --dialect raw: TeleCMI dials, it does not listen")
    if dialect is not Dialect.RAW and (given.clear_message or given.end_message):
        raise ConfigError("--clear-message and --end-message are for --dialect raw")
    kind = given.metadata or ("uuid" if dialect is Dialect.TELECMI else "none")
    return Options(
        dialect=dialect,
        dial=given.dial,
        listen=None if given.listen is None else _address(given.listen),
        url_from_stdin=given.url_from_stdin,
        pcm=PcmFormat(given.rate, given.ptime_ms),
        lead_ms=given.lead_ms,
        jitter_ms=given.jitter_ms,
        out=given.out,
        play_mode=PlayMode(given.play_mode),
        metadata=MetadataKind(kind),
        metadata_when=MetadataWhen(given.metadata_when),
        caller=Caller(given.caller),
        tls_ca=given.tls_ca,
        headers=tuple(_header(each) for each in given.header),
        clear_message=given.clear_message,
        end_message=given.end_message,
        faults=read_faults(given.fault),
        patient=given.patient,
        events=given.events,
        watch_stdin=given.watch_stdin,
        child=given.child,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trioaudio simulate carrier",
        description="A carrier on this machine: takes a call's audio, checks and measures it,"
        " and prints one JSON report at the end.",
        epilog="Exit codes: 0 the call ended, 2 wrong usage, 5 no connection,"
        " 6 the output file could not be written, 130 and 143 after SIGINT and SIGTERM.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--dialect", choices=_values(Dialect), default="telecmi")
    role = parser.add_mutually_exclusive_group(required=True)
    role.add_argument("--dial", metavar="URL", help="ws:// or wss:// URL to dial")
    role.add_argument("--listen", metavar="HOST:PORT", help="wait to be dialled; port 0 is any")
    role.add_argument(
        "--url-from-stdin", action="store_true", help="dial the URL in stdin's first line"
    )
    add("--rate", type=int, choices=(8000, 16000), default=8000, help="Hz")
    add("--ptime-ms", type=_at_least(1), default=PTIME_MS, help="duration of a frame")
    add("--lead-ms", type=_at_least(0), default=0, help="the sender's lead, for lateness")
    add("--patient", action="store_true", help="go on dialling for 10 s while refused")
    add("--tls-ca", type=Path, metavar="FILE", help="certificates to trust instead of the system's")
    add(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent when dialling; demanded of the dialler when listening",
    )
    add("--events", action="store_true", help="a JSON line on stdout for what happens")
    add("--child", action="store_true", help="ignore SIGINT: the parent ends this process")
    add(
        "--watch-stdin",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave when stdin, if it is a pipe, is closed",
    )
    _add_call_arguments(parser)
    return parser


def _add_call_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, metavar="FILE.wav", help="what the callee hears")
    add(
        "--play-mode",
        choices=_values(PlayMode),
        default="queue",
        help="whether a new message waits for the old one or cuts it",
    )
    add(
        "--jitter-ms",
        type=_at_least(0),
        default=20,
        help="how long a talkspurt's first audio is held back; 0 in cut mode",
    )
    add("--metadata", choices=_values(MetadataKind), help="default uuid; raw: none")
    add("--metadata-when", choices=_values(MetadataWhen), default="before")
    add("--caller", choices=_values(Caller), default="silence", help="what the far end says")
    add("--clear-message", metavar="TEXT", help="raw: the text message that clears")
    add("--end-message", metavar="TEXT", help="raw: the text message that ends")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="may be repeated: reset-after=N, stop-reading-after=N, close-after=N, garbage-after=N"
        " (N received frames), redial-after=SECONDS, reject-silently, big-message, flood",
    )


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"--listen {text!r}: wanted HOST:PORT, such as 127.0.0.1:0")
    return host, int(port)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name or not text.isascii() or not text.isprintable():
        raise ConfigError(f"--header {text!r}: wanted 'Name: value'")
    return name, value


def _values(kind: type[enum.Enum]) -> list[str]:
    return [each.value for each in kind]


def _at_least(smallest: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        number = int(text)
        if number < smallest:
            raise argparse.ArgumentTypeError(f"{number} is below {smallest}")
        return number

    return whole_number
