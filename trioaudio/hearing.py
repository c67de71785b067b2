"""What one leg hears from its carrier: messages counted, media dropped unread, the rest read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trioaudio.core.carrier import CallerAudio, CarrierCodec, Complaint, Event
from trioaudio.core.connection import Inbound
from trioaudio.core.errors import RemoteProtocolError

MOST_KINDS: Final = 4
"""Ways to begin a media message that are remembered; a carrier has one or two."""

MOST_COMPLAINTS: Final = 20
"""Complaints of one leg that are handed on; more are only counted."""


class Hearing:
    """Reads messages for `on_event`; decodes caller audio only while somebody listens."""

    __slots__ = (
        "_codec",
        "_media_kinds",
        "complaints",
        "listening",
        "media",
        "messages",
        "on_event",
        "on_media",
    )

    def __init__(self, codec: CarrierCodec, on_event: Callable[[Event], None]) -> None:
        self._codec = codec
        self._media_kinds: tuple[int, ...] = ()  # those seen whose beginning alone says it
        self.on_event = on_event
        self.messages = 0
        self.media = 0
        """Of these, the messages dropped unread because they held only audio."""
        self.complaints = 0
        """Messages of the carrier's that were wrong, or were complaints about ours."""
        self.listening = False
        """Whether somebody wants the caller's audio."""
        self.on_media: Callable[[], None] | None = None
        """Called once, when the far end's first audio comes."""

    def receive(self, inbound: Inbound) -> None:
        """Take one message from the carrier; RemoteProtocolError if it makes no sense."""
        self.messages += 1
        if not self.listening and self._is_media(inbound):
            self.media += 1
            if self.on_media is not None:
                self._tell_media(self.on_media)
            return
        try:
            message = inbound.message()
        except UnicodeDecodeError:
            raise RemoteProtocolError("the carrier sent text that is no UTF-8") from None
        for event in self._codec.receive(message):
            if isinstance(event, Complaint):
                self.complaints += 1
                if self.complaints > MOST_COMPLAINTS:
                    continue
            if self.on_media is not None and isinstance(event, CallerAudio):
                self._tell_media(self.on_media)
            self.on_event(event)

    def _is_media(self, inbound: Inbound) -> bool:
        """Say whether it holds only audio: asked 50 times a second of every call."""
        if inbound.kind() in self._media_kinds:
            return True
        if not self._codec.is_media(inbound.prefix()):
            return False
        if len(self._media_kinds) < MOST_KINDS and self._codec.is_media(inbound.beginning()):
            self._media_kinds += (inbound.kind(),)
        return True

    def _tell_media(self, on_media: Callable[[], None]) -> None:
        self.on_media = None
        on_media()
