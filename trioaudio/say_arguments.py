"""The arguments of the main job and of `dial`: one call, its voice, its far end, its output."""

from __future__ import annotations

import argparse
from pathlib import Path

from trioaudio import __version__
from trioaudio.client_verbs.arguments import add_daemon
from trioaudio.verb_parser import EXIT_CODES, VerbParser

DEFAULT_OUT = Path("trioaudio.wav")


def say_parser() -> argparse.ArgumentParser:
    """Return the parser of the main job; settings not given come from the environment."""
    parser = VerbParser(
        prog="trioaudio",
        description="Say a text on a telephone call: exact 60 ms frames, sent on time, over a"
        " real WebSocket. Without --url or --listen, a simulated carrier on this machine is the"
        " far end.  The daemon: trioaudio serve | token.  With a daemon that runs: trioaudio dial |"
        " calls | say | stop | hangup | watch | top | tap.  Others: trioaudio answer-document |"
        " demo | voices | precache | check | print-config | simulate",
        epilog=EXIT_CODES,
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
    far_end.add_argument(
        "--carrier", metavar="NAME", help="telecmi (default), twilio, raw …: docs/carriers.md"
    )
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
    parser = VerbParser(
        prog="trioaudio dial",
        description="Call somebody by a carrier's REST interface, say a text, and hang up: through"
        " the daemon that runs, or, with --listen or TRIOAUDIO_LISTEN, without one. Then the"
        " carrier dials us with the call's audio, so it must reach the address listened on.",
        epilog=EXIT_CODES,
    )
    parser.set_defaults(url=None, header=None)
    parser.add_argument(
        "--text",
        metavar="TEXT",
        help="what to say; - reads standard input as it arrives; a daemon's call needs none",
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
    through = add_daemon(parser)
    through.add_argument(
        "--wait", action="store_true", help="until the call is over; else its id is printed"
    )
    _add_alone(parser)
    _add_voice(parser)
    _add_output(parser, "what was sent")
    return parser


def _add_alone(parser: argparse.ArgumentParser) -> None:
    """Add what `dial` needs to know where no daemon runs."""
    alone = parser.add_argument_group("without a daemon")
    alone.add_argument("--listen", metavar="HOST:PORT", help="where the carrier dials us")
    alone.add_argument(
        "--public-url",
        metavar="wss://…",
        help="that address as the carrier reaches it, without the path",
    )
    alone.add_argument(
        "--answer-url",
        metavar="https://…",
        help="where the carrier fetches the answer document, if it takes it no other way; with"
        " --answer-listen, how that address is reached from outside",
    )
    alone.add_argument(
        "--answer-listen", metavar="HOST:PORT", help="serve the answer document here"
    )
    _add_media(alone)
    _add_transfer(alone)


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
    group.add_argument(
        "--rate", metavar="HZ", help="8000 (default) or 16000; 24000 where the carrier takes it"
    )
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
