"""Shared by all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from trioaudio.observe.logs import get_logger

# Before numpy is imported: on a busy machine its threads wait for one another longer than they
# compute.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Tests are no package (importlib mode); the fakes are imported by name.
sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure() -> None:
    """Have structlog set up: its `capture_logs` would leave it set up otherwise than we do."""
    get_logger("tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make what a test logged fit to be sent between pytest's processes: it may be no UTF-8."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report
