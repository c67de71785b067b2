"""Run a simulated service: `python -m trioaudio.simulators.services cartesia --help`."""

from __future__ import annotations

import sys

from trioaudio.simulators.services.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]))
