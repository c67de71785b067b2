"""What a call is told to do, from the message to the deed. Every refusal is a RequestError."""

from __future__ import annotations

from typing import assert_never

import trio

from trioaudio.api import commands
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import Done, Dropped, Prepared, Reply
from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.prompts import make_prompts
from trioaudio.calls.sound_orders import order_sound, write_on
from trioaudio.core.carrier import Transfer
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.utterance import Cause, Interruptible


async def carry_out(live: LiveCall, command: commands.CallCommand) -> Reply:
    """Do what a command says."""
    _hear_first(live, command)
    if live.ended:
        raise RequestError(RequestFault.ENDED, f"call {live.id} is over: {live.reason}")
    match command:
        case commands.Say() | commands.Play() | commands.Mark() | commands.Dtmf():
            return await order_sound(live, command)
        case commands.Append() | commands.Flush() | commands.Close():
            return write_on(live, command)
        case commands.Stop() | commands.BargeIn():
            return _cut(live, command)
        case commands.HangUp() | commands.Transfer():
            return await _leave(live, command)
        case commands.Prepare():
            return await _prepare(live, command)
        case commands.Pause() | commands.Resume() | commands.Gain() | commands.Record():
            _change(live, command)
            return Done()
        case _:
            assert_never(command)


def _hear_first(live: LiveCall, command: commands.CallCommand) -> None:
    """Take what the carrier has said: a key pressed before a text is said must not cut it."""
    if not isinstance(command, commands.Append | commands.Flush | commands.Close):
        live.call.catch_up()


def _change(
    live: LiveCall, command: commands.Pause | commands.Resume | commands.Gain | commands.Record
) -> None:
    match command:
        case commands.Pause():
            live.call.speech.pause()
            live.teller.note_cut(trio.current_time())
        case commands.Resume():
            live.call.speech.resume()
        case commands.Gain(db=db):
            live.gain.set_db(db)
        case commands.Record(on=on):
            _record(live, on=on)


async def _prepare(live: LiveCall, wanted: commands.Prepare) -> Prepared:
    """Make prompts at the call's rate."""
    choice = VoiceChoice(
        wanted.voice or live.wanted.voice or live.shared.choice.voice,
        wanted.language or live.wanted.language or live.shared.choice.language,
    )
    rate = live.line.shape.pcm.sample_rate
    return await make_prompts(live.shared.speech, wanted.texts, choice, rate)


# --- Cutting and leaving -----------------------------------------------------------------


def _cut(live: LiveCall, command: commands.Stop | commands.BargeIn) -> Dropped:
    if isinstance(command, commands.BargeIn):
        utterances, frames = live.teller.barge_in(Interruptible(command.kind))
        return Dropped(utterances=utterances, frames=frames)
    wanted = command.utterances
    for each in wanted or ():
        live.book.find(each)
    live.teller.note_cut(trio.current_time())
    cut = live.call.speech.cut(
        list(live.book.incomplete) if wanted is None else wanted, Cause.CANCELLED
    )
    return Dropped(utterances=list(cut.utterances), frames=cut.frames)


async def _leave(live: LiveCall, command: commands.HangUp | commands.Transfer) -> Done:
    if isinstance(command, commands.HangUp) and command.when == "now":
        live.end("hung-up", "asked by the control API", as_cause=Cause.CANCELLED)
        return Done()
    if live.leaving is not None:
        raise RequestError(RequestFault.CONFLICT, f"a {live.leaving} was asked for already")
    if isinstance(command, commands.HangUp):
        live.leaving = "hang-up"
        await live.call.hang_up(None if command.tail_ms is None else command.tail_ms / 1000)
        return Done()
    transfer = Transfer(
        tuple(command.to), command.caller_id or live.wanted.caller_id, command.ring_s
    )
    live.leaving = "transfer"  # at once: nobody else may ask for one meanwhile
    try:
        await live.call.transfer(transfer)
    except LocalProtocolError as exc:
        live.leaving = None
        raise RequestError(RequestFault.UNSUPPORTED, str(exc)) from exc
    return Done()


def _record(live: LiveCall, *, on: bool) -> None:
    if live.shared.open_recording is None:
        raise RequestError(
            RequestFault.UNSUPPORTED,
            "there is no folder for recordings; see TRIOAUDIO_RECORD_FOLDER",
        )
    if on:
        live.audio.begin_recording()
    else:
        live.audio.end_recording()
