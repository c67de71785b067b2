"""A Wyoming server made of nothing but Wyoming's own library; prints its port, and serves.

Each character is 200 samples of its own code: what is heard is the text itself. The arguments are
the sample rate, and whether text in pieces is taken.
"""

from __future__ import annotations

import asyncio  # noqa: TID251  the library is made for it
import sys

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event, async_read_event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
)

SAMPLES = 200
RATE = int(sys.argv[1])
STREAMING = sys.argv[2] == "yes"
MADE_BY = Attribution(name="nobody", url="")


def info() -> Info:
    voice = TtsVoice(
        name="en_US-own", attribution=MADE_BY, installed=True, description="Its own voice",
        version="1", languages=["en_US"],
    )  # fmt: skip
    program = TtsProgram(
        name="peer", attribution=MADE_BY, installed=True, description=None, version="1",
        voices=[voice], supports_synthesize_streaming=STREAMING,
    )  # fmt: skip
    return Info(tts=[program])


def speech(text: str) -> list[Event]:
    pcm = b"".join(ord(each).to_bytes(2, "little") * SAMPLES for each in text)
    chunks = [
        AudioChunk(RATE, 2, 1, pcm[at : at + 999]).event()  # cut in the middle of samples
        for at in range(0, len(pcm), 999)
    ]
    return [AudioStart(RATE, 2, 1).event(), *chunks, AudioStop().event()]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pieces: list[str] = []
    while (event := await async_read_event(reader)) is not None:
        answers: list[Event] = []
        if Describe.is_type(event.type):
            answers = [info().event()]
        elif Synthesize.is_type(event.type):
            answers = speech(Synthesize.from_event(event).text)
        elif STREAMING and SynthesizeStart.is_type(event.type):
            pieces = []
        elif STREAMING and SynthesizeChunk.is_type(event.type):
            pieces.append(SynthesizeChunk.from_event(event).text)
        elif STREAMING and SynthesizeStop.is_type(event.type):
            answers = [*speech("".join(pieces)), SynthesizeStopped().event()]
        for answer in answers:
            await async_write_event(answer, writer)
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  its only output
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
