"""The simulated carrier's command line: the arguments as they are written, and their help."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from trioaudio.core.encoding import Encoding
from trioaudio.core.pcm import PTIME_MS
from trioaudio.simulators.dialects import dialect_names, load_dialect
from trioaudio.simulators.faults import AMOUNTS, MEANINGS, Amount, Strike, Switch

_CALLS = """\
several calls:
  --calls N has N calls at once, each with a connection, a call id and a report of its own. With
  one --dial they all dial the same URL, in which {n} stands for the call's number, from 1; else
  --dial is given once for each call. --url-from-stdin reads one line for each call, and a call
  begins when its line is there. --listen takes N calls on one address; whoever comes back to the
  path of a lost call goes on with it. --out then is a folder, or a path with {n} in it. The report
  is {"calls": [...], "total": {...}}.
"""
_EXIT_CODES = """\
exit codes:
  0 every call ended, 2 wrong usage, 5 a call had no connection, 6 an output file could not be
  written, 130 and 143 after SIGINT and SIGTERM.
"""


def new_parser(*, with_help: bool) -> argparse.ArgumentParser:
    """Return the parser; `with_help` says that its help will be shown, which takes longer."""
    parser = argparse.ArgumentParser(
        prog="trioaudio simulate carrier",
        description="A carrier on this machine, stricter than the real one: takes the audio of"
        " calls, checks and measures it, and prints one JSON report at the end.",
        epilog=_epilog() if with_help else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--carrier",
        default="telecmi",
        metavar="NAME",
        help=f"whose protocol is spoken: {', '.join(dialect_names())}; default telecmi",
    )
    role = parser.add_mutually_exclusive_group(required=True)
    role.add_argument(
        "--dial", action="append", metavar="URL", help="URL to dial; may be repeated, see below"
    )
    role.add_argument("--listen", metavar="HOST:PORT", help="wait to be dialled; port 0 is any")
    role.add_argument(
        "--url-from-stdin", action="store_true", help="dial the URLs in stdin's first lines"
    )
    add("--calls", type=_at_least(1), metavar="N", help="how many; default: as many as --dial")
    add("--call-every", type=_seconds, default=0.0, metavar="SECONDS", help="between arrivals")
    _add_connection_arguments(parser)
    _add_media_arguments(parser)
    _add_event_arguments(parser)
    return parser


def _add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--patient", action="store_true", help="go on dialling for 10 s while refused")
    add("--tls-ca", type=Path, metavar="FILE", help="certificates to trust instead of the system's")
    add(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent when dialling; demanded of the dialler when listening",
    )
    add(
        "--secret-env",
        metavar="NAME",
        help="environment variable with the account's secret, for carriers that sign",
    )
    add("--events", action="store_true", help="a JSON line on stdout for what happens")
    add("--child", action="store_true", help="ignore SIGINT: the parent ends this process")
    add(
        "--watch-stdin",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave when stdin, if it is a pipe, is closed",
    )


def _add_media_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--rate", type=_at_least(1), default=8000, help="Hz; default 8000")
    add(
        "--encoding",
        choices=[each.value for each in Encoding],
        help="on the wire; default: the carrier's usual one at the rate",
    )
    add("--ptime-ms", type=_at_least(1), default=PTIME_MS, help="duration of a frame; default 60")
    add("--lead-ms", type=_at_least(0), default=0, help="the sender's lead, for lateness")
    add(
        "--jitter-ms",
        type=_at_least(0),
        default=20,
        help="how long a talkspurt's first audio is held back; default 20",
    )
    add("--out", type=Path, metavar="FILE.wav", help="what the callee hears")
    add(
        "--caller",
        default="silence",
        metavar="silence|tone|none|FILE.wav",
        help="what the far end says; a file is repeated, and must have the rate",
    )


def _add_event_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--dtmf",
        action="append",
        default=[],
        metavar="DIGITS@SECONDS",
        help="keys the callee presses after the start; may be repeated",
    )
    add("--hang-up-after", type=_seconds, metavar="SECONDS", help="the callee hangs up")
    add(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the carrier's own, see below; may be repeated",
    )
    add("--fault", action="append", default=[], metavar="FAULT", help="see below; may be repeated")
    add("--seed", type=int, default=0, help="for faults with a rate; default 0")


def _epilog() -> str:
    faults = "".join(
        _entry(f"{fault.value}{_value_of(fault)}", MEANINGS[fault]) for fault in MEANINGS
    )
    options = "".join(
        _entry(f"{name}: {option}", meaning)
        for name in dialect_names()
        for option, meaning in load_dialect(name).options.items()
    )
    strikes = "faults (N: received frames; each strikes once a call unless it says otherwise):\n"
    return f"{_CALLS}\n{strikes}{faults}\ncarriers' own options:\n{options}\n{_EXIT_CODES}"


def _value_of(fault: Strike | Switch | Amount) -> str:
    match fault:
        case Strike():
            return "=N"
        case Switch():
            return ""
        case Amount():
            return AMOUNTS[fault]
        case _:
            assert_never(fault)


def _entry(name: str, meaning: str) -> str:
    text = textwrap.fill(f"{name}: {meaning}", 92, initial_indent="  ", subsequent_indent="      ")
    return f"{text}\n"


def _at_least(smallest: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        number = int(text)
        if number < smallest:
            raise argparse.ArgumentTypeError(f"{number} is below {smallest}")
        return number

    return whole_number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no reasonable number of seconds")
    return number
