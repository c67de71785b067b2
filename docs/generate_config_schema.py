# ruff: noqa: INP001  a script, not a package
"""Write config.schema.json, the JSON Schema of config.toml, from the settings' classes.

python docs/generate_config_schema.py            write it
python docs/generate_config_schema.py --check    exit code 1 if it is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trioaudio.config_schema import config_schema

SCHEMA = Path(__file__).with_name("config.schema.json")


def main() -> int:
    """Write or check; return the exit code."""
    fresh = json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        return int(not SCHEMA.exists() or SCHEMA.read_text(encoding="utf-8") != fresh)
    SCHEMA.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
