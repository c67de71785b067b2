"""What stands in every log line about a call: whose it is, and what is being said on it."""

from __future__ import annotations

from collections.abc import Mapping

from trioaudio.api.request_error import RequestError
from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.roll import Roll
from trioaudio.core.utterance import UtteranceState
from trioaudio.net.rest_link import RestLink

_UNDER_WAY = (UtteranceState.SPEAKING, UtteranceState.SENT)


def call_facts(roll: Roll, call: str) -> Mapping[str, object]:
    """Return carrier, the carrier's id and the utterance under way, if any; empty if unknown."""
    live = roll.live.get(call)
    if live is not None:
        facts: dict[str, object] = {
            "carrier": live.carrier,
            "carrier_call_id": live.call.call_id or _as_arranged(live),
        }
        utterance = _under_way(live)
        return facts if utterance is None else {**facts, "utterance": utterance}
    try:
        view = roll.view(call)
    except RequestError:
        return {}
    return {"carrier": view.carrier, "carrier_call_id": view.carrier_call_id}


def _as_arranged(live: LiveCall) -> str | None:
    """Return the carrier's id as its webhook or its REST interface told it, before the stream."""
    placed = live.control.call_id if isinstance(live.control, RestLink) else None
    return placed or live.incoming_id


def _under_way(live: LiveCall) -> int | None:
    """Return the utterance an engine speaks, else the first one not yet heard to its end."""
    # In one step: a thread that logs must not find it changing.
    open_ones = [each.utterance for each in list(live.call.utterances)]
    for state in _UNDER_WAY:
        for utterance in open_ones:
            if utterance.state is state:
                return utterance.id
    return None
