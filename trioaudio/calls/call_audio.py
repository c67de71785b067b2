"""Who gets a call's audio: listeners, and a recording. Nobody wants it: nothing is decoded."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import trio

from trioaudio.api import events
from trioaudio.calls.caller_audio import Listener, caller_pcm, our_pcm
from trioaudio.calls.hub import Inbox
from trioaudio.calls.shared import Recorded, Recording
from trioaudio.core.errors import OutputError
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.playout_item import Audio

if TYPE_CHECKING:
    from trioaudio.calls.live_call import LiveCall

FINISH_RECORDING_S = 5.0


@attrs.define(eq=False)
class CallAudio:
    """One call's listeners, and its recording while one is under way."""

    _live: weakref.ref[LiveCall]
    """Weak: see `CallTeller`."""
    recording: Recording | None = None
    recordings: int = 0
    """How many were begun."""
    _listeners: dict[str, set[Listener]] = attrs.field(
        factory=lambda: {"callee": set(), "ours": set()}
    )
    _to_record: trio.Event = attrs.field(factory=trio.Event)
    _stop_recording: trio.Event = attrs.field(factory=trio.Event)
    _wished: bool = False
    _under_way: bool = False
    _closing: bool = False

    @property
    def live(self) -> LiveCall:
        """The call, which whoever runs it or listens to it holds."""
        live = self._live()
        assert live is not None
        return live

    def hear(self, payload: bytes) -> None:
        """Take the caller's audio, in the carrier's encoding."""
        pcm = caller_pcm(payload, self.live.line.shape.media)
        for each in self._listeners["callee"]:
            each.hear(pcm)
        if self.recording is not None:
            self.recording.theirs(pcm, trio.current_time())

    def _sent(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        if self._listeners["ours"]:
            pcm = our_pcm(item, self.live.line.shape.media, self.live.line.carrier.form)
            for each in self._listeners["ours"]:
                each.hear(pcm)
        if self.recording is not None:
            self.recording.ours(item, sent_at, lateness, due)

    @contextmanager
    def listening(self, side: str, sample_rate: int) -> Iterator[Inbox[bytes]]:
        """Have one side's audio decoded while the block runs. UnframeableRateError."""
        listener = Listener(self.live.line.shape.media, PcmFormat(sample_rate))
        listeners = self._listeners[side]
        listeners.add(listener)
        self._attend()
        if self.live.ended:
            listener.inbox.close()
        try:
            yield listener.inbox
        finally:
            listeners.discard(listener)
            listener.inbox.close()
            self._attend()

    def _attend(self) -> None:
        """Have decoded what somebody wants, and nothing else."""
        recording = self.recording is not None
        callee = bool(self._listeners["callee"]) or recording
        if callee is not self.live.call.listening:
            self.live.call.listen(on=callee)
        self.live.call.watch_sent(self._sent if self._listeners["ours"] or recording else None)

    def close_inboxes(self) -> None:
        """Let everybody who listens know that there is no more."""
        for listeners in self._listeners.values():
            for each in listeners:
                each.inbox.close()

    # --- Recording -------------------------------------------------------------------

    def begin_recording(self) -> None:
        """Record both sides from now on, if that is not done already."""
        if self._under_way and not self._stop_recording.is_set():
            return
        self._wished = True
        self._to_record.set()

    def end_recording(self) -> None:
        """Complete the recording that is under way, if one is."""
        self._wished = False
        self._stop_recording.set()

    def end(self) -> None:
        """Complete what is being recorded, and record no more."""
        self._closing = True
        self._to_record.set()
        self.end_recording()

    async def record_when_wished(self) -> None:
        """Record when that is asked for, until the call is over."""
        while not self._closing:
            await self._to_record.wait()
            self._to_record = trio.Event()
            if self._wished:
                self._wished, self._under_way = False, True
                self._stop_recording = trio.Event()
                await self._record_once()
                self._under_way = False

    async def _record_once(self) -> None:
        """Record until that is ended, or the call is; a disk that fails ends no call."""
        assert self.live.shared.open_recording is not None
        done: Recorded | None = None
        self.recordings += 1
        error: str | None = f"it could not be completed within {FINISH_RECORDING_S:g} s"
        try:
            async with self.live.shared.open_recording(self.live) as recording:
                self.recording = recording
                self._attend()
                try:
                    await self._stop_recording.wait()
                finally:
                    self.recording = None
                    self._attend()
                    with trio.move_on_after(FINISH_RECORDING_S, shield=True):
                        done = await recording.finish()
                        error = done.error
        except OutputError as exc:
            error = str(exc)
        finally:
            self._tell_recorded(done, error)

    def _tell_recorded(self, done: Recorded | None, error: str | None) -> None:
        """Tell what became of a recording, also of one that was cut short."""
        live = self.live
        if done is not None:
            live.history.recordings.append(str(done.wav))
        if error is not None:
            live.shared.watcher.recording_failed(live.carrier, live.id, error)
        self.live.tell(
            events.RecordingDone(
                call=self.live.id,
                at=self.live.shared.clock.now(),
                wav="" if done is None else str(done.wav),
                index="" if done is None else str(done.index),
                error=error,
            )
        )
