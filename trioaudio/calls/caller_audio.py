"""A call's audio for whoever listens: frames of PCM16 at the rate each of them wishes.

Nobody listens: nothing is decoded, and nothing here is asked.
"""

from __future__ import annotations

import attrs

from trioaudio.calls.hub import Inbox
from trioaudio.core.encoding import MediaFormat, PayloadForm
from trioaudio.core.framing import Framer
from trioaudio.core.payload import decode, payload_pcm
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.playout_item import Audio
from trioaudio.core.resampling import Resampler

FRAMES_AHEAD = 200
"""12 s: frames that may wait for a listener before it is cut."""


@attrs.define(eq=False)
class Listener:
    """One listener: its rate, and what waits for it."""

    media: MediaFormat
    wanted: PcmFormat
    inbox: Inbox[bytes] = attrs.field(factory=lambda: Inbox[bytes](FRAMES_AHEAD))
    _resampler: Resampler = attrs.field(init=False)
    _framer: Framer = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._resampler = Resampler(self.media.sample_rate, self.wanted.sample_rate)
        self._framer = Framer(self.wanted.frame_bytes)

    def hear(self, pcm: bytes) -> None:
        """Take PCM16 LE at the call's rate."""
        for frame in self._framer.push(self._resampler.push(pcm)):
            self.inbox.put(frame)


def caller_pcm(payload: bytes, media: MediaFormat) -> bytes:
    """Return the caller's audio as PCM16 LE at the call's rate."""
    return decode(payload, media.encoding)


def our_pcm(item: Audio, media: MediaFormat, form: PayloadForm) -> bytes:
    """Return what we sent as PCM16 LE at the call's rate."""
    return payload_pcm(item.payload, media.encoding, form)
