"""`trioaudio token`: make, list and revoke the tokens of the control API. It needs no daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn, get_args

from trioaudio.api.shapes import Role
from trioaudio.control.tokens import TOKENS_FILE, add_token, list_tokens, remove_token
from trioaudio.core.errors import ConfigError
from trioaudio.core.exit_code import ExitCode
from trioaudio.state_folder import state_folder

_ROLES: Final[tuple[Role, ...]] = get_args(Role)


class _Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on; exit code 2."""
        self.exit(2, f"trioaudio: error: {message}; see {self.prog} --help\n")


def manage_tokens(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> int:
    """Do what the arguments say, and return the exit code; a daemon notices within a second."""
    given = _parser().parse_args(argv)
    file = cwd / state_folder(environ) / TOKENS_FILE
    try:
        match given.what:
            case "create":
                token = add_token(file, given.name, given.role)
                sys.stdout.write(f"{token}\n")
                sys.stderr.write("keep it: it cannot be shown again\n")
            case "revoke":
                remove_token(file, given.name)
                sys.stdout.write(f"{given.name} is revoked\n")
            case _:
                for each in list_tokens(file):
                    sys.stdout.write(f"{each.name}\t{each.role}\t{each.created}\n")
    except ConfigError as exc:
        sys.stderr.write(f"trioaudio: error: {exc}\n")
        return ExitCode.USAGE
    return ExitCode.SAID


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="trioaudio token",
        description="Make, list and revoke the tokens of the control API. They are kept in"
        " TRIOAUDIO_STATE_FOLDER, else $XDG_STATE_HOME/trioaudio, else ~/.local/state/trioaudio.",
    )
    verbs = parser.add_subparsers(dest="what", required=True, metavar="create|list|revoke")
    create = verbs.add_parser("create", help="make a token and print it, once")
    create.add_argument("name", metavar="NAME", help="whose it is; the audit shows it")
    create.add_argument(
        "--role", choices=_ROLES, default="operator", help="what it may do (operator)"
    )
    verbs.add_parser("list", help="names, roles and when they were made")
    revoke = verbs.add_parser("revoke", help="make a token worthless")
    revoke.add_argument("name", metavar="NAME")
    return parser
