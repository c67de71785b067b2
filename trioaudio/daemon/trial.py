"""Whether an engine really speaks: a node takes calls only once one has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import attrs
import trio

from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.speech import Speaker, SpeechNews, WholeText
from trioaudio.daemon.works import Works

TRIAL = "1 2 3"
"""What is said to nobody: every voice can read it."""

AGAIN_S = 5.0


@attrs.define(eq=False)
class _Nobody:
    """A `core.speech.SpeechSink` that counts what it is given."""

    sample_rate: int
    written: int = 0

    async def write(self, chunk: bytes) -> None:
        """Count it."""
        self.written += len(chunk)
        await trio.lowlevel.checkpoint()

    def tell(self, news: SpeechNews) -> None:
        """Take no interest."""

    def ahead_s(self) -> float:
        """Be in no hurry."""
        return 1.0


@attrs.frozen
class Trial:
    """Who is to speak, in which voice, for calls of which sample rate in Hz."""

    speaker: Speaker
    choice: VoiceChoice
    sample_rate: int


@contextmanager
def trial_of(latest: Callable[[], Works]) -> Iterator[Trial]:
    """Give what new calls are made with, which stays open while the block runs."""
    works = latest()
    works.begin()
    try:
        yield Trial(works.speech, works.choice, works.configuration.first_carrier.sample_rate)
    finally:
        works.end()


async def wait_until_spoken(
    latest: Callable[[], AbstractContextManager[Trial]], on_failure: Callable[[str], None]
) -> None:
    """Have something said until sound comes; what goes wrong meanwhile is told.

    `latest` is asked anew each time: a reload may have brought other engines.
    """
    while True:
        with latest() as trial:
            nobody = _Nobody(trial.sample_rate)
            try:
                await trial.speaker.speak(WholeText(TRIAL), nobody, trial.choice)
            except* TrioaudioError as group:
                on_failure("; ".join(map(str, group.exceptions)))
        if nobody.written:
            return
        await trio.sleep(AGAIN_S)
