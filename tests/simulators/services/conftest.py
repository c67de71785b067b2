"""Simulated services in the test's own process, quick and without a real voice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import attrs
import pytest

from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.voice import VoiceKind

Open: TypeAlias = Callable[..., AbstractAsyncContextManager[OpenService]]


@pytest.fixture
def cartesia() -> Open:
    """Open a Cartesia that speaks tones; faults by position, other options by name."""

    def opening(*faults: str, **more: Any) -> AbstractAsyncContextManager[OpenService]:
        quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
        return open_service("cartesia", attrs.evolve(quick, **more))

    return opening
