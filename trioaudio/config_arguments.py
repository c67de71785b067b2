"""The arguments of `trioaudio print-config`: those of `serve`, since options count too."""

from __future__ import annotations

from trioaudio.client_verbs.arguments import serve_parser
from trioaudio.verb_parser import EXIT_CODES, VerbParser


def print_config_parser() -> VerbParser:
    """Return the parser of `print-config`."""
    parser = VerbParser(
        prog="trioaudio print-config",
        description="Print every setting the daemon would run with, and where it comes from. With"
        " options of 'trioaudio serve' as if that had been started with them. Secrets show as ***.",
        epilog=EXIT_CODES,
        parents=[serve_parser()],
        conflict_handler="resolve",  # both have --help
    )
    parser.add_argument("--changed", action="store_true", help="only what is not the default")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument(
        "--schema", action="store_true", help="instead: the JSON Schema of config.toml"
    )
    return parser
