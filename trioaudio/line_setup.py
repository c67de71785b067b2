"""From settings to what a call is made with."""

from __future__ import annotations

from trioaudio.core.backoff import Backoff
from trioaudio.core.carrier import Carrier, CarrierSettings, Recovery
from trioaudio.core.pcm import PcmFormat
from trioaudio.heartbeat import LegTiming
from trioaudio.line import Line
from trioaudio.media_path import shape_for
from trioaudio.settings import Settings
from trioaudio.supervise import RecoveryPolicy


def make_line(
    settings: Settings,
    carrier: Carrier,
    own: CarrierSettings,
    *,
    sample_rate: int,
    recovery: Recovery,
    first_wait: float | None,
) -> Line:
    """Return it for calls of a sample rate in Hz; ConfigError if the carrier takes no such audio.

    `first_wait` in seconds is how long the first connection may take; None: for ever.
    """
    return Line(
        carrier=carrier,
        settings=own,
        shape=shape_for(carrier, own, PcmFormat(sample_rate)),
        policy=RecoveryPolicy(
            recovery=recovery,
            first_wait=first_wait,
            return_grace=settings.return_grace_s,
            backoff=Backoff(
                settings.redial_first_s, settings.redial_cap_s, settings.redial_attempts
            ),
            restarts_most=settings.restarts_most,
            restarts_within=settings.restarts_within_s,
        ),
        timing=LegTiming(
            send_deadline=settings.send_deadline_s,
            ping_interval=settings.ping_interval_s,
            pong_timeout=settings.pong_timeout_s,
        ),
        keep=settings.keep_ms / 1000,
    )
