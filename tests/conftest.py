"""Shared by all tests."""

from __future__ import annotations

import sys
from pathlib import Path

# Tests are no package (importlib mode); the fakes are imported by name.
sys.path.insert(0, str(Path(__file__).parent))
