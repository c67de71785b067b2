"""Calls of ours in a benchmark's own process, no daemon around them: what they are made with."""

from __future__ import annotations

import resource
import secrets

from trioaudio.call import Hooks
from trioaudio.core.carrier import Carrier, CarrierSettings, Event
from trioaudio.core.facts import Fact, Tell
from trioaudio.core.pcm import PcmFormat
from trioaudio.line import Line
from trioaudio.media_path import shape_for
from trioaudio.supervise import RecoveryPolicy


def line_for(carrier: Carrier, settings: CarrierSettings, sample_rate: int) -> Line:
    """Return what a call with that carrier is made with; its speaker speaks at `sample_rate` Hz."""
    return Line(
        carrier=carrier,
        settings=settings,
        shape=shape_for(carrier, settings, PcmFormat(sample_rate)),
        policy=RecoveryPolicy(carrier.recovery),
    )


def ignore_fact(_fact: Fact) -> None:
    """Take no notice."""


def ignore_event(_event: Event) -> None:
    """Take no notice."""


def hooks(tell: Tell = ignore_fact) -> Hooks:
    """Return the hooks of a call whose facts are all that anybody wants to know."""
    return Hooks(tell=tell, on_event=ignore_event)


def new_key(carrier: Carrier) -> str:
    """Return a door's key, a path nobody can guess."""
    return f"/media/{carrier.name}/{secrets.token_urlsafe(24)}"


def cpu_seconds(who: int = resource.RUSAGE_SELF) -> float:
    """Return the processor time this process has used, or with RUSAGE_CHILDREN its ended ones."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime
