"""The parser of every verb's arguments."""

from __future__ import annotations

import argparse
from typing import NoReturn

EXIT_CODES = """\
exit codes: 0 all was said; 1 a bug; 2 wrong arguments or settings; 3 no text that can be spoken;
4 the engine cannot speak; 5 the carrier is unreachable, refuses, or went away; 6 a file cannot be
written; 130 after SIGINT, 143 after SIGTERM.  Every setting: docs/configuration.md"""


class VerbParser(argparse.ArgumentParser):
    """Complains in one line: the usage would drown it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on; exit code 2."""
        self.exit(2, f"trioaudio: error: {message}; see {self.prog} --help\n")
