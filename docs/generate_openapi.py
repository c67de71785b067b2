# ruff: noqa: INP001  a script, not a package
"""Write openapi.json, the control API's document, from its operations.

python docs/generate_openapi.py            write it
python docs/generate_openapi.py --check    exit code 1 if it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from trioaudio.control.openapi import build_document
from trioaudio.control.server import all_operations

DOCUMENT = Path(__file__).with_name("openapi.json")


def main() -> int:
    """Write or check; return the exit code."""
    encoded = msgspec.json.encode(build_document(all_operations()))
    fresh = msgspec.json.format(encoded, indent=2) + b"\n"
    if "--check" in sys.argv[1:]:
        return int(not DOCUMENT.exists() or DOCUMENT.read_bytes() != fresh)
    DOCUMENT.write_bytes(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
