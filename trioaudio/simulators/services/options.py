"""The command line of a simulated service."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.services.faults import FaultKind, read_faults
from trioaudio.simulators.services.service import ServiceKind
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.voice import VoiceKind


@attrs.frozen
class ServeOptions:
    """All that was asked for."""

    kind: ServiceKind
    host: str
    port: int
    service: ServiceOptions
    child: bool
    watch_stdin: bool


def parse(kind: ServiceKind, argv: Sequence[str]) -> ServeOptions:
    """Read the command line; argparse ends the process with exit code 2 on what is no sense."""
    parser = _parser(kind)
    given = parser.parse_args(argv)
    try:
        return _options(kind, given)
    except ConfigError as exc:
        # Without the usage, which would drown the one line that says what is wrong.
        parser.exit(2, f"{parser.prog}: {exc}\n")


def _options(kind: ServiceKind, given: argparse.Namespace) -> ServeOptions:
    read_faults(given.fault, kind.faults)  # now, and not when it listens already
    host, port = _address(given.listen)
    return ServeOptions(
        kind=kind,
        host=host,
        port=port,
        service=ServiceOptions(
            voice=VoiceKind(given.voice),
            key=given.key,
            voices=tuple(each for each in given.voices.split(",") if each),
            concurrency=given.concurrency,
            speed=given.speed,
            first_audio_ms=given.first_audio_ms,
            chunk_ms=_range(given.chunk_ms),
            faults=tuple(given.fault),
            seed=given.seed,
        ),
        child=given.child,
        watch_stdin=given.watch_stdin,
    )


def _parser(kind: ServiceKind) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"trioaudio simulate {kind.name}",
        description=f"A speech service on this machine that speaks the protocol of {kind.name}."
        " Prints a JSON line with its URLs, serves until SIGINT or SIGTERM, and prints a JSON"
        " summary.",
        epilog=_fault_help(kind.faults)
        + "\n\nExit codes: 0 told to end, 2 wrong usage, 4 no voice, 5 cannot listen.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="port 0, the default, is any")
    add(
        "--voice",
        choices=[each.value for each in VoiceKind],
        default=VoiceKind.ESPEAK.value,
        help="real speech, or a tone a test can read, which costs nothing (default: espeak)",
    )
    add("--key", help="the only key accepted (default: any, but there must be one)")
    add("--voices", default="", metavar="A,B", help="the only voices there are (default: any)")
    add(
        "--concurrency", type=int, metavar="N", help="utterances at once before the next is refused"
    )
    add("--speed", type=float, help="times real time audio is made in (default: as fast as it can)")
    add("--first-audio-ms", type=float, default=40, help="what the first audio takes (default: 40)")
    add("--chunk-ms", default="100-300", metavar="MS[-MS]", help="audio in a chunk (100-300)")
    add("--seed", type=int, default=0, help="of everything drawn by chance")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE][@RATE]",
        help="may be repeated; RATE is 1/20 (every 20th), 0.05 (by chance) or #3 (the third only)",
    )
    add("--child", action="store_true", help="ignore SIGINT: the parent ends this process")
    add(
        "--watch-stdin",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave when stdin, if it is a pipe, is closed",
    )
    return parser


def _fault_help(kinds: Sequence[FaultKind]) -> str:
    lines = [f"  {_signature(each):22} {each.help} [{each.scope.value}]" for each in kinds]
    return "\n".join(["faults, by what they strike:", *lines])


def _signature(kind: FaultKind) -> str:
    return kind.name if kind.value is None else f"{kind.name}={kind.value:g}"


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"--listen {text!r}: wanted HOST:PORT, such as 127.0.0.1:0")
    return host, int(port)


def _range(text: str) -> tuple[float, float]:
    least, dash, most = text.partition("-")
    try:
        return float(least), float(most if dash else least)
    except ValueError:
        raise ConfigError(f"--chunk-ms {text!r}: wanted a number or two, such as 100-300") from None
