"""The command line: what was asked for, without importing what only some verbs need.

`--help` and `--version` answer in a tenth of a second, because Trio, numpy and the rest are
imported by the verb that runs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from trioaudio import __version__

DEFAULT_OUT = Path("trioaudio.wav")
_DEFAULT_EXIT_CODES = """\
exit codes: 0 all was said; 1 a bug; 2 wrong arguments or settings; 3 no text that can be spoken;
4 the engine cannot speak; 5 the carrier is unreachable, refuses, or went away; 6 a file cannot be
written; 130 after SIGINT, 143 after SIGTERM.  Every setting: .env.example"""


class _Parser(argparse.ArgumentParser):
    """Complains in one line: the usage would drown it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on; exit code 2."""
        self.exit(2, f"trioaudio: error: {message}; see {self.prog} --help\n")


def run_command_line(argv: Sequence[str]) -> int:
    """Run one verb; without one, `--text` says something on a call."""
    verbs: dict[str, Callable[[Sequence[str]], int]] = {
        "answer-document": _answer_document,
        "demo": _demo,
        "dial": _dial,
        "precache": _precache,
        "simulate": _simulate,
        "voices": _voices,
    }
    if argv and argv[0] in verbs:
        return verbs[argv[0]](argv[1:])
    return _say(argv)


def _say(argv: Sequence[str]) -> int:
    parser = say_parser()
    given = parser.parse_args(argv)
    if given.text is None:
        if argv:
            parser.error("--text is missing: what shall be said?")
        parser.print_help()
        return 2
    if given.play and given.no_out:
        parser.error("--play needs the WAV file that --no-out leaves out")
    from trioaudio.say import say  # noqa: PLC0415  imports everything

    return say(given, os.environ, Path.cwd())


def _dial(argv: Sequence[str]) -> int:
    parser = dial_parser()
    given = parser.parse_args(argv)
    if given.play and given.no_out:
        parser.error("--play needs the WAV file that --no-out leaves out")
    from trioaudio.say import say  # noqa: PLC0415  imports everything

    return say(given, os.environ, Path.cwd())


def say_parser() -> argparse.ArgumentParser:
    """Return the parser of the main job; settings not given come from the environment."""
    parser = _Parser(
        prog="trioaudio",
        description="Say a text on a telephone call: exact 60 ms frames, sent on time, over a"
        " real WebSocket. Without --url or --listen, a simulated carrier on this machine is the"
        " far end.  Other verbs: trioaudio dial | answer-document | demo | voices | precache |"
        " simulate",
        epilog=_DEFAULT_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"trioaudio {__version__}")
    parser.add_argument(
        "--text", metavar="TEXT", help="what to say; - reads standard input as it arrives"
    )
    parser.set_defaults(
        to=None, caller_id=None, public_url=None, answer_url=None, answer_listen=None
    )
    _add_voice(parser)
    far_end = parser.add_argument_group("far end")
    far_end.add_argument("--carrier", metavar="NAME", help="telecmi (default) or raw")
    where = far_end.add_mutually_exclusive_group()
    where.add_argument("--url", metavar="ws[s]://…", help="dial this media endpoint")
    where.add_argument(
        "--listen", metavar="HOST:PORT", help="wait for a carrier; the URL to dial is printed"
    )
    far_end.add_argument(
        "--header", metavar="'NAME: VALUE'", action="append", help="sent with --url; repeatable"
    )
    _add_media(far_end)
    _add_transfer(far_end)
    _add_output(
        parser, f"what the far end heard (default with the simulated carrier: {DEFAULT_OUT})"
    )
    return parser


def dial_parser() -> argparse.ArgumentParser:
    """Return the parser of `dial`; settings not given come from the environment."""
    parser = _Parser(
        prog="trioaudio dial",
        description="Call somebody by a carrier's REST interface, say a text, and hang up. The"
        " carrier dials us with the call's audio, so it must reach the address listened on.",
        epilog=_DEFAULT_EXIT_CODES,
    )
    parser.set_defaults(url=None, header=None)
    parser.add_argument(
        "--text",
        metavar="TEXT",
        required=True,
        help="what to say; - reads standard input as it arrives",
    )
    call = parser.add_argument_group("call")
    call.add_argument("--carrier", metavar="NAME", help="whose credentials are in the settings")
    call.add_argument("--to", metavar="NUMBER", required=True, help="whom to call, e.g. +919…")
    call.add_argument(
        "--from",
        metavar="NUMBER",
        dest="caller_id",
        help="a number of the account; default TRIOAUDIO_CALLER_ID",
    )
    call.add_argument("--listen", metavar="HOST:PORT", help="where the carrier dials us")
    call.add_argument(
        "--public-url",
        metavar="wss://…",
        help="that address as the carrier reaches it, without the path",
    )
    call.add_argument(
        "--answer-url",
        metavar="https://…",
        help="where the carrier fetches the answer document, if it takes it no other way; with"
        " --answer-listen, how that address is reached from outside",
    )
    call.add_argument("--answer-listen", metavar="HOST:PORT", help="serve the answer document here")
    _add_media(call)
    _add_transfer(call)
    _add_voice(parser)
    _add_output(parser, "what was sent")
    return parser


def _add_voice(parser: argparse.ArgumentParser) -> None:
    voice = parser.add_argument_group("voice")
    voice.add_argument(
        "--engine",
        metavar="NAME[,NAME…]",
        help="espeak (default); the next of a list goes on when one fails",
    )
    voice.add_argument("--voice", metavar="NAME", help="see 'trioaudio voices'")
    voice.add_argument("--language", metavar="TAG", help="en-IN, hi, ta …")


def _add_media(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rate", metavar="HZ", help="8000 (default) or 16000")
    group.add_argument("--lead-ms", metavar="MS", help="send each frame this much before it is due")


def _add_transfer(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--transfer-to",
        metavar="NUMBER[,NUMBER…]",
        help="at the end, connect the callee to this number instead of hanging up",
    )


def _add_output(parser: argparse.ArgumentParser, what_out_is: str) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out",
        metavar="FILE.wav",
        type=Path,
        help=what_out_is,
    )
    output.add_argument("--no-out", action="store_true", help="write no WAV file")
    output.add_argument("--report", metavar="FILE.json", help="figures as JSON; - prints them")
    output.add_argument("--play", action="store_true", help="play the WAV file afterwards")
    output.add_argument("--plain", action="store_true", help="plain lines, no live view")
    output.add_argument(
        "--log-level", metavar="LEVEL", help="debug, info (default), warning, error"
    )


def _answer_document(argv: Sequence[str]) -> int:
    parser = _Parser(
        prog="trioaudio answer-document",
        description="Print what a carrier's webhook is to be answered with when a call comes in:"
        " connect it to this media URL. It may hold secrets of the settings.",
    )
    parser.add_argument("--carrier", metavar="NAME", required=True, help="telecmi, twilio …")
    parser.add_argument("--url", metavar="wss://…", required=True, help="what it is to dial")
    parser.add_argument("--rate", metavar="HZ", help="8000 (default) or 16000")
    parser.add_argument(
        "--token-env",
        metavar="NAME",
        help="environment variable with a token the carrier shall bring along, where it can",
    )
    parser.add_argument(
        "--headers", action="store_true", help="the content type above the body, as in HTTP"
    )
    given = parser.parse_args(argv)
    from trioaudio.answer_document import print_answer_document  # noqa: PLC0415  likewise

    return print_answer_document(given, os.environ, Path.cwd())


def _demo(argv: Sequence[str]) -> int:
    parser = _Parser(
        prog="trioaudio demo",
        description="The timing proof: chunks of 500, 300, 700 and 200 bytes go in, frames of 960"
        " bytes come out 60 ms apart, over a real WebSocket to a carrier in another process.",
    )
    parser.add_argument("--seconds", type=float, default=2.4, help="of sample audio (2.4)")
    given = parser.parse_args(argv)
    if not 0.1 <= given.seconds <= 3600:
        parser.error("--seconds must be between 0.1 and 3600")
    from trioaudio.demo import demo  # noqa: PLC0415  imports everything

    return demo(given.seconds)


def _voices(argv: Sequence[str]) -> int:
    parser = _Parser(
        prog="trioaudio voices", description="List the voices and languages of an engine."
    )
    parser.add_argument("--engine", metavar="NAME", help="espeak (default)")
    parser.add_argument("--language", metavar="TAG", help="only voices for this language")
    given = parser.parse_args(argv)
    from trioaudio.voices import print_voices  # noqa: PLC0415  imports everything

    return print_voices(given.engine, given.language, os.environ, Path.cwd())


def _precache(argv: Sequence[str]) -> int:
    parser = _Parser(
        prog="trioaudio precache",
        description="Have prompts spoken ahead of time and kept: when one is said later, its first"
        " frame leaves at once and no engine is asked.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", metavar="TEXT", help="one prompt")
    what.add_argument(
        "--file", metavar="FILE", type=Path, help="a prompt a line; - reads standard input"
    )
    parser.add_argument("--engine", metavar="NAME", help="the first of a list speaks them")
    parser.add_argument("--voice", metavar="NAME", help="see 'trioaudio voices'")
    parser.add_argument("--language", metavar="TAG", help="en-IN, hi, ta …")
    parser.add_argument("--rate", metavar="HZ", help="of the calls: 8000 (default) or 16000")
    given = parser.parse_args(argv)
    from trioaudio.precache import precache  # noqa: PLC0415  imports everything

    return precache(given, os.environ, Path.cwd())


def _simulate(argv: Sequence[str]) -> int:
    if not argv or argv[0].startswith("-"):
        parser = _Parser(
            prog="trioaudio simulate",
            description="Simulate the other side, to develop and test against without an account:"
            " a carrier, its REST interface, or a speech service by its engine's name; 'trioaudio"
            " simulate cartesia --help' lists the faults it can have.",
        )
        parser.add_argument("what", metavar="carrier|rest|SERVICE")
        parser.parse_args(argv)
    what, *options = argv
    if what == "carrier":
        from trioaudio.simulators.carrier import main  # noqa: PLC0415  imports everything

        return main(options)
    if what == "rest":
        from trioaudio.simulators.carrier_rest import main as serve_rest  # noqa: PLC0415  likewise

        return serve_rest(options)
    from trioaudio.simulators.services.process import main as serve  # noqa: PLC0415  likewise

    return serve(what, options)
