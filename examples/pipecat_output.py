"""A Pipecat pipeline that speaks through trioaudio: text frames in, paced telephone audio out.

    pip install pipecat-ai trioaudio
    python examples/pipecat_output.py +919800000000

`TrioaudioOutput` takes the place of both the TTS service and the output transport, at the end of
the pipeline. Text goes to the daemon as it comes; interruptions reach the carrier's own buffer;
what was really heard comes back upstream as BotStartedSpeakingFrame and BotStoppedSpeakingFrame,
and keys as InputDTMFFrame.

Written for pipecat-ai 1.14. Where the daemon is, and the token: TRIOAUDIO_CONTROL_URL and
TRIOAUDIO_CONTROL_TOKEN, unless the daemon runs here as this user.
"""

from __future__ import annotations

import asyncio  # noqa: TID251  Pipecat's event loop
import sys
from collections.abc import Awaitable

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    AggregatedTextFrame,
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputDTMFFrame,
    InputTextRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    StartFrame,
    TextFrame,
    TranscriptionFrame,
    TranslationFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from trioaudio.api.events import CallEnded, DtmfCame, UtteranceCompleted, UtteranceStarted
from trioaudio.client import Call, Client, OpenUtterance, ProblemError, Stream

NOT_THE_BOT_S = (
    AggregatedTextFrame,  # the same text once more, gathered
    InputTextRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    TranslationFrame,
)
"""Text frames whose text somebody else has said."""


class TrioaudioOutput(FrameProcessor):
    """Says the pipeline's text on one call. The stream is subscribed to nothing else."""

    def __init__(self, stream: Stream, call: Call) -> None:
        super().__init__()
        self._stream = stream
        self._call = call
        self._utterance: OpenUtterance | None = None
        self._in_answer = False
        self._watching: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()
        """The telephone call is over."""

    async def process_frame(  # noqa: C901  a case a frame
        self, frame: Frame, direction: FrameDirection
    ) -> None:
        """Take one frame, and pass it on."""
        await super().process_frame(frame, direction)
        match frame:
            case StartFrame():
                self._watching = self.create_task(self._watch())
            case InterruptionFrame():
                await self._interrupt()
            case LLMFullResponseStartFrame():
                self._in_answer = True
            case LLMFullResponseEndFrame():
                self._in_answer = False
                await self._close()
            case TTSSpeakFrame():
                await self._close()
                await self._say(frame.text)
            case TextFrame() if not isinstance(frame, NOT_THE_BOT_S) and not frame.skip_tts:
                await self._append(frame.text)
            case EndFrame():
                await self._close()
                await self._tell(self._call.hang_up("after-played"))
                await self.ended.wait()
                await self._stop_watching()
            case CancelFrame():
                await self._stop_watching()
        await self.push_frame(frame, direction)

    async def _append(self, text: str) -> None:
        if not self._in_answer:  # a text on its own is an utterance of its own
            await self._say(text)
            return
        try:
            if self._utterance is None:
                self._utterance = await self._call.open().begin()
            await self._utterance.append(text)
        except ProblemError as problem:
            if problem.kind not in {"ended", "conflict"}:
                raise
            # Interrupted, perhaps by the carrier before any frame of ours told it.

    async def _close(self) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            await utterance.close()

    async def _say(self, text: str) -> None:
        await self._tell(self._call.say(text))

    async def _interrupt(self) -> None:
        self._utterance = None  # what is dropped takes no more text
        self._in_answer = False
        await self._tell(self._call.barge_in("speech"))

    async def _tell(self, command: Awaitable[object]) -> None:
        try:
            await command
        except ProblemError as problem:
            if problem.kind != "ended":
                raise

    async def _watch(self) -> None:
        """Bring back what happens on the call."""
        async for event in self._stream:
            match event:
                case UtteranceStarted():
                    await self.broadcast_frame(BotStartedSpeakingFrame)
                case UtteranceCompleted():
                    await self.broadcast_frame(BotStoppedSpeakingFrame)
                case DtmfCame():
                    key = InputDTMFFrame(button=KeypadEntry(event.digit))
                    await self.push_frame(key, FrameDirection.UPSTREAM)
                case CallEnded():
                    self.ended.set()

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            await self.cancel_task(self._watching)
            self._watching = None


async def main(number: str) -> None:
    """Dial, say something as a language model would, and hang up."""
    async with Client() as client, client.stream() as stream:
        call = await stream.create(to=number)
        await stream.subscribe(
            [call.id], ["utterance.started", "utterance.completed", "dtmf", "call.ended"]
        )
        worker = PipelineWorker(Pipeline([TrioaudioOutput(stream, call)]))
        runner = WorkerRunner()
        await runner.add_workers(worker)
        await worker.queue_frame(LLMFullResponseStartFrame())
        for token in ("Hello, ", "this is ", "Pipecat, ", "speaking through trioaudio."):
            await worker.queue_frame(LLMTextFrame(token))
        await worker.queue_frame(LLMFullResponseEndFrame())
        await worker.queue_frame(EndFrame())
        await runner.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
