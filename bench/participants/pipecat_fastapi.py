"""Pipecat's `FastAPIWebsocketTransport`, as its documentation and examples for telephony set it up.

See https://docs.pipecat.ai/server/services/transport/fastapi-websocket: a FastAPI route per call,
a pipeline from the transport's input to its output, Pipecat's own `TwilioFrameSerializer` or,
raw, one that passes audio through. It paces by itself. Its best form here: nothing else in the
pipeline, no speech recognition, no metrics, no observers for turns; audio at the rate of the
wire, so that nothing is resampled; 60 ms to a message (`audio_out_10ms_chunks=6`); a producer
that delivers speech a second at a time, two seconds ahead, as a service that synthesizes faster
than it is spoken.
"""

from __future__ import annotations

import asyncio  # noqa: TID251  what others pace with
import os
import socket
import sys
from pathlib import Path

os.environ.setdefault("LOGURU_LEVEL", "ERROR")

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.frames.frames import AudioRawFrame, Frame, InputAudioRawFrame, TTSAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.workers.runner import WorkerRunner

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bench.numbered import numbered_pcm
from bench.participants.contract import PTIME, Window, read_order, say

RATE = 8000
FRAMES_AT_ONCE = 17  # about a second
AHEAD_S = 2.0


class RawSerializer(FrameSerializer):  # type: ignore[misc]  # of a package that need not be installed
    """Sends PCM as it is."""

    async def serialize(self, frame: Frame) -> bytes | None:
        """Return the audio of a frame."""
        return frame.audio if isinstance(frame, AudioRawFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """Return the caller's audio."""
        if isinstance(data, str):
            return None
        return InputAudioRawFrame(audio=data, sample_rate=RATE, num_channels=1)


class Clock:
    """Notes when a leg's frames are written, against the earliest so far, as the peer does."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._clock = asyncio.get_running_loop().time
        self._earliest = float("inf")
        self._within = False
        self._number = 0

    def tick(self) -> None:
        """Note a frame."""
        offset = self._clock() - self._number * PTIME
        if self._window.measuring and not self._within:  # what set-up did to a schedule is over
            self._within = True
            self._earliest = offset
        self._earliest = min(self._earliest, offset)
        self._number += 1
        self._window.sent(offset - self._earliest)


class TimedTransport(FastAPIWebsocketTransport):  # type: ignore[misc]
    """Ticks a clock after each audio message was written."""

    def time_by(self, clock: Clock) -> None:
        """Do so from now on."""
        client, send = self._client, self._client.send

        async def timed(data: str | bytes) -> None:
            await send(data)
            clock.tick()

        client.send = timed


class Calls:
    """All calls of one run."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._order = window.order
        pcm = [numbered_pcm(number, self._order.dialect) for number in range(self._order.frames)]
        self._speech = [
            b"".join(pcm[start : start + FRAMES_AT_ONCE])
            for start in range(0, len(pcm), FRAMES_AT_ONCE)
        ]

    async def call(self, websocket: WebSocket, number: int) -> None:
        """Be one call, from its connection to its end."""
        await websocket.accept()
        transport = TimedTransport(
            websocket=websocket,
            params=FastAPIWebsocketParams(
                audio_in_enabled=True,
                audio_out_enabled=True,
                audio_out_10ms_chunks=6,
                add_wav_header=False,
                serializer=await self._serializer(websocket),
            ),
        )
        transport.output()
        transport.time_by(Clock(self._window))
        worker = PipelineWorker(
            Pipeline([transport.input(), transport.output()]),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )
        producing: list[asyncio.Task[None]] = []

        @transport.event_handler("on_client_connected")  # type: ignore[untyped-decorator]
        def connected(_transport: object, _client: object) -> None:
            self._window.leg_is_up()
            if self._order.speaks(number):
                producing.append(asyncio.create_task(self._produce(worker)))

        @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]
        async def disconnected(_transport: object, _client: object) -> None:
            for task in producing:
                task.cancel()
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    async def _serializer(self, websocket: WebSocket) -> FrameSerializer:
        if not self._order.is_twilio:
            return RawSerializer()
        _, call = await parse_telephony_websocket(websocket)
        return TwilioFrameSerializer(
            stream_sid=call["stream_id"],
            call_sid=call["call_id"],
            params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
        )

    async def _produce(self, worker: PipelineWorker) -> None:
        clock = asyncio.get_running_loop().time
        epoch = clock()
        for number, audio in enumerate(self._speech):
            due = epoch + number * FRAMES_AT_ONCE * PTIME - AHEAD_S
            await asyncio.sleep(max(0.0, due - clock()))
            await worker.queue_frame(TTSAudioRawFrame(audio, RATE, 1))


async def main() -> None:
    """Serve until the window is over."""
    window = Window(read_order())
    calls = Calls(window)
    app = FastAPI()

    @app.websocket("/media/{number}")  # type: ignore[untyped-decorator]
    async def media(websocket: WebSocket, number: int) -> None:
        await calls.call(websocket, number)

    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:  # noqa: ASYNC110  uvicorn tells in no other way
        await asyncio.sleep(0.01)
    say({"port": sock.getsockname()[1]})
    say(await window.measure() | {"frames_total": window.frames_total})
    server.should_exit = server.force_exit = True
    # Its own way out is slow with many calls, and is not what is measured.
    await asyncio.wait([serving], timeout=1)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
