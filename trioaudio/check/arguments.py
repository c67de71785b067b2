"""The arguments of `trioaudio check`; cheap to import."""

from __future__ import annotations

import argparse
from typing import Final

from trioaudio.verb_parser import VerbParser

PARTS: Final = ("configuration", "machine", "storage", "addresses", "engines", "carriers")
"""What can be checked by itself, in the order it is told."""


def check_parser() -> VerbParser:
    """Return the parser of `check`."""
    parser = VerbParser(
        prog="trioaudio check",
        description="Try whether 'trioaudio serve' would work here with these settings: engines"
        " speak, addresses can be had, certificates fit, folders can be written to. No call is"
        " placed, and nothing is left behind.",
        epilog="exit codes: 0 all well, warnings allowed; 1 something failed; 2 wrong settings or"
        " arguments",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument(
        "--live",
        action="store_true",
        help="ask carriers too whether they know our credentials, where they document a way",
    )
    parser.add_argument(
        "--only",
        metavar="A,B",
        type=_parts,
        default=PARTS,
        help=f"of {', '.join(PARTS)}; all of them by default",
    )
    return parser


def _parts(text: str) -> tuple[str, ...]:
    wanted = [each.strip() for each in text.split(",") if each.strip()]
    unknown = [each for each in wanted if each not in PARTS]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted some of {', '.join(PARTS)}")
    return tuple(each for each in PARTS if each in wanted)
