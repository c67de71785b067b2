"""What eSpeak NG's worker says of itself before it speaks, and how its absence is told."""

from __future__ import annotations

import json

import attrs
import trio

from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.engines import _espeak_messages as said
from trioaudio.engines._child import Child
from trioaudio.engines._espeak_voices import Catalogue


@attrs.frozen
class Greeting:
    """What a worker says of itself before it speaks."""

    sample_rate: int
    library: str
    data: str
    version: str
    catalogue: Catalogue


async def greet(child: Child, seconds: float) -> Greeting:
    """Wait until a new worker is ready and has listed its voices; EngineError if it fails to."""
    child.send(said.LIST, 0)
    ready: list[str] = []
    with trio.move_on_after(seconds):
        while (messages := await child.receive()) is not None:
            for kind, _, payload in messages:
                if kind == said.READY:
                    ready = payload.decode("utf-8", "surrogateescape").split("\0")
                elif kind == said.VOICES:
                    rate, library, data, version = ready
                    catalogue = Catalogue.from_listing(json.loads(payload))
                    return Greeting(int(rate), library, data, version, catalogue)
                else:
                    raise unavailable(payload.decode("utf-8", "replace"))
        await child.leave()  # it has gone already; now we know how
        raise unavailable(f"its process {child.ending} before it was ready")
    raise unavailable(f"its process was not ready within {seconds:g} s")


def unavailable(reason: str, *, retryable: bool = False) -> EngineError:
    """Return the error that says there is no embedded voice for now."""
    return EngineError(
        f"the embedded voice eSpeak NG is not available: {reason}",
        kind=EngineFault.UNAVAILABLE,
        retryable=retryable,
        scope=FaultScope.CONNECTION,
    )
