"""The arguments of `trioaudio top`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from trioaudio.verb_parser import EXIT_CODES, VerbParser

SORT_NAMES: Final = (
    "age", "carrier", "number", "state", "waiting", "lead", "late", "underruns", "engine", "node",
)  # fmt: skip
"""As in `sorting.SORTS`, which takes its time to import."""


def top_parser() -> VerbParser:
    """Return the parser of `top`."""
    parser = VerbParser(
        prog="trioaudio top",
        description="Show daemons and their calls, live. ? lists the keys.",
        epilog=EXIT_CODES,
    )
    group = parser.add_argument_group("daemons")
    group.add_argument(
        "--control",
        "--url",
        metavar="URL",
        action="append",
        help="http://HOST:PORT, https://HOST or unix:///PATH; give it again for each daemon;"
        " default TRIOAUDIO_CONTROL_URL, else where the daemon's own settings say",
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        action="append",
        help="with the token; one for all daemons, or one for each in their order; default"
        " TRIOAUDIO_CONTROL_TOKEN, else the daemon's own file",
    )
    parser.add_argument(
        "--interval",
        type=_interval,
        default=1.0,
        metavar="SECONDS",
        help="between two looks at the daemons, 0.2 to 60 (1)",
    )
    parser.add_argument("--sort", choices=SORT_NAMES, default="age", help="of the calls (age)")
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument("--filter", metavar="TEXT", default="", help="only calls with it")
    parser.add_argument(
        "--once", action="store_true", help="print it all once and exit; so without a terminal"
    )
    parser.add_argument(
        "--plain", action="store_true", help="no colours, no cursor: lines, again and again"
    )
    return parser


def _interval(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.2 <= value <= 60:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0.2 and 60 seconds")
    return value
