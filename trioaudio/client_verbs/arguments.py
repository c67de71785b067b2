"""The arguments of the verbs that ask a running daemon."""

from __future__ import annotations

import argparse
from pathlib import Path

from trioaudio.verb_parser import EXIT_CODES, VerbParser


def add_daemon(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add where the daemon is. A token is no argument: everybody on the machine could read it."""
    group = parser.add_argument_group("daemon")
    group.add_argument(
        "--control",
        metavar="URL",
        help="http://HOST:PORT, https://HOST or unix:///PATH; default TRIOAUDIO_CONTROL_URL, else"
        " where the daemon's own settings say",
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help="with the token; default TRIOAUDIO_CONTROL_TOKEN, else the daemon's own file",
    )
    return group


def _new_parser(verb: str, description: str) -> VerbParser:
    parser = VerbParser(prog=f"trioaudio {verb}", description=description, epilog=EXIT_CODES)
    add_daemon(parser)
    return parser


def calls_parser() -> VerbParser:
    """Return the parser of `calls`."""
    parser = _new_parser("calls", "List the daemon's calls, those that ended lately included.")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def say_on_call_parser() -> VerbParser:
    """Return the parser of `say`."""
    parser = _new_parser(
        "say", "Say something on a call of the daemon; the utterance's number is printed."
    )
    parser.add_argument("call", metavar="CALL", help="see 'trioaudio calls'")
    parser.add_argument("text", metavar="TEXT", help="- reads standard input as it arrives")
    parser.add_argument("--voice", metavar="NAME", help="see 'trioaudio voices'")
    parser.add_argument("--language", metavar="TAG", help="en-IN, hi, ta …")
    parser.add_argument("--engine", metavar="NAME[,NAME…]", help="instead of the daemon's")
    parser.add_argument(
        "--then", choices=["hang-up", "end-stream"], help="what happens once it was played"
    )
    parser.add_argument(
        "--interruptible",
        choices=["never", "dtmf", "speech", "any"],
        default="any",
        help="what may cut it short (any)",
    )
    parser.add_argument(
        "--priority", type=int, default=0, metavar="N", help="the highest is said first (0)"
    )
    parser.add_argument(
        "--wait", action="store_true", help="until it was heard; 5 if it was not heard to its end"
    )
    return parser


def stop_parser() -> VerbParser:
    """Return the parser of `stop`."""
    parser = _new_parser("stop", "Drop what is said on a call, at once; all of it by default.")
    parser.add_argument("call", metavar="CALL")
    parser.add_argument("utterances", metavar="UTTERANCE", type=int, nargs="*")
    return parser


def hangup_parser() -> VerbParser:
    """Return the parser of `hangup`."""
    parser = _new_parser("hangup", "End a telephone call.")
    parser.add_argument("call", metavar="CALL")
    parser.add_argument(
        "--after-played", action="store_true", help="once everything said before was heard"
    )
    return parser


def watch_parser() -> VerbParser:
    """Return the parser of `watch`."""
    parser = _new_parser(
        "watch", "Print events as they come, until these calls are over, or SIGINT."
    )
    parser.add_argument("calls", metavar="CALL", nargs="*", help="all of them by default")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--events", metavar="NAME[,NAME…]", help="only these, such as dtmf")
    return parser


def tap_parser() -> VerbParser:
    """Return the parser of `tap`."""
    parser = _new_parser("tap", "Write down what is heard on a call, until it is over, or SIGINT.")
    parser.add_argument("call", metavar="CALL")
    parser.add_argument(
        "--out",
        metavar="FILE.wav",
        type=Path,
        required=True,
        help="- writes bare PCM16 LE to standard output",
    )
    parser.add_argument(
        "--side", choices=["callee", "ours"], default="callee", help="who is heard (callee)"
    )
    parser.add_argument("--rate", type=int, default=8000, metavar="HZ", help="8000 to 48000 (8000)")
    return parser


def serve_parser() -> VerbParser:
    """Return the parser of `serve`."""
    parser = VerbParser(
        prog="trioaudio serve",
        description="Run the daemon: carriers bring it their calls, applications tell it by its"
        " control API what to say on them.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--media-listen", metavar="HOST:PORT", help="where carriers dial us")
    parser.add_argument(
        "--control-listen", metavar="HOST:PORT|PATH", help="where applications dial us"
    )
    parser.add_argument("--carriers", metavar="A,B", help="whose calls are taken")
    parser.add_argument(
        "--greeting", metavar="TEXT|@FILE.wav", help="said at the beginning of every call"
    )
    parser.add_argument(
        "--log-level", metavar="LEVEL", help="debug, info (default), warning, error"
    )
    return parser
