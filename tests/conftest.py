"""Shared by all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Before numpy is imported: on a busy machine its threads wait for one another longer than they
# compute.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Tests are no package (importlib mode); the fakes are imported by name.
sys.path.insert(0, str(Path(__file__).parent))
