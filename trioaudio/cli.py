"""The command line: what was asked for, without importing what only some verbs need.

`--help` and `--version` answer in a tenth of a second, because Trio, numpy and the rest are
imported by the verb that runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from trioaudio.check.arguments import check_parser
from trioaudio.client_verbs import arguments
from trioaudio.client_verbs.variables import listens_itself, variables_or_exit
from trioaudio.config_arguments import print_config_parser
from trioaudio.dashboard.arguments import top_parser
from trioaudio.say_arguments import dial_parser, say_parser
from trioaudio.verb_parser import VerbParser

_OF_THE_DAEMON: dict[str, tuple[Callable[[], VerbParser], str, str]] = {
    "calls": (arguments.calls_parser, "trioaudio.client_verbs.listing", "list_calls"),
    "check": (check_parser, "trioaudio.check.verb", "check"),
    "hangup": (arguments.hangup_parser, "trioaudio.client_verbs.ending", "hang_up"),
    "print-config": (print_config_parser, "trioaudio.print_config", "print_config"),
    "say": (arguments.say_on_call_parser, "trioaudio.client_verbs.saying", "say_on_call"),
    "serve": (arguments.serve_parser, "trioaudio.daemon.serve", "serve"),
    "stop": (arguments.stop_parser, "trioaudio.client_verbs.ending", "stop"),
    "tap": (arguments.tap_parser, "trioaudio.client_verbs.tapping", "tap"),
    "top": (top_parser, "trioaudio.dashboard.top", "top"),
    "watch": (arguments.watch_parser, "trioaudio.client_verbs.watching", "watch"),
}
"""Verbs with their parser, and the module and the function that do it: imported when asked for."""


def run_command_line(argv: Sequence[str]) -> int:
    """Run one verb; without one, `--text` says something on a call."""
    verbs: dict[str, Callable[[Sequence[str]], int]] = {
        "answer-document": _answer_document,
        "demo": _demo,
        "dial": _dial,
        "precache": _precache,
        "simulate": _simulate,
        "token": _token,
        "voices": _voices,
    }
    if argv and argv[0] in verbs:
        return verbs[argv[0]](argv[1:])
    if argv and argv[0] in _OF_THE_DAEMON:
        new_parser, module, name = _OF_THE_DAEMON[argv[0]]
        given = new_parser().parse_args(argv[1:])
        code: int = getattr(import_module(module), name)(given, os.environ, Path.cwd())
        return code
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
    if not (given.listen or listens_itself(os.environ, Path.cwd())):
        from trioaudio.client_verbs.dialling import dial_by_daemon  # noqa: PLC0415  likewise

        return dial_by_daemon(given, os.environ, Path.cwd())
    if given.text is None:
        parser.error("--text is missing: what shall be said?")
    if given.play and given.no_out:
        parser.error("--play needs the WAV file that --no-out leaves out")
    from trioaudio.say import say  # noqa: PLC0415  imports everything

    return say(given, os.environ, Path.cwd())


def _token(argv: Sequence[str]) -> int:
    from trioaudio.control.token_verb import manage_tokens  # noqa: PLC0415  likewise

    return manage_tokens(argv, variables_or_exit(os.environ, Path.cwd()), Path.cwd())


def _answer_document(argv: Sequence[str]) -> int:
    parser = VerbParser(
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
    parser = VerbParser(
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
    parser = VerbParser(
        prog="trioaudio voices", description="List the voices and languages of an engine."
    )
    parser.add_argument("--engine", metavar="NAME", help="espeak (default)")
    parser.add_argument("--language", metavar="TAG", help="only voices for this language")
    given = parser.parse_args(argv)
    from trioaudio.voices import print_voices  # noqa: PLC0415  imports everything

    return print_voices(given.engine, given.language, os.environ, Path.cwd())


def _precache(argv: Sequence[str]) -> int:
    parser = VerbParser(
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
        parser = VerbParser(
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
