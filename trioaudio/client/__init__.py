"""The Python client of the control API; see docs/client.md.

Runs under asyncio and Trio alike. The messages themselves are in `trioaudio.api`.
"""

from __future__ import annotations

from trioaudio.client.audio_frames import AudioFrames
from trioaudio.client.call import Call
from trioaudio.client.client import Client
from trioaudio.client.errors import ClientError, ProblemError, StreamCutError, UnreachableError
from trioaudio.client.stream import Stream
from trioaudio.client.utterance import OpenUtterance, Utterance

__all__ = [
    "AudioFrames",
    "Call",
    "Client",
    "ClientError",
    "OpenUtterance",
    "ProblemError",
    "Stream",
    "StreamCutError",
    "UnreachableError",
    "Utterance",
]
