"""Orders of the person at the terminal, carried out, and what became of them in one line."""

from __future__ import annotations

from collections.abc import Mapping

from trioaudio.client import Client, ClientError, ProblemError
from trioaudio.dashboard.columns import short_id
from trioaudio.dashboard.view_state import Order
from trioaudio.observe.figures import counted


async def carry_out(order: Order, clients: Mapping[str, Client]) -> tuple[str, str]:
    """Do it; return what to tell, and its style."""
    name, call_id = order.place
    short = short_id(call_id)
    call = clients[name].call(call_id)
    try:
        match order.do:
            case "interrupt":
                dropped = await call.barge_in()
                what = counted(len(dropped.utterances), "utterance")
                return f"{short}: interrupted, {what} dropped", "good"
            case "say":
                utterance = await call.say(order.text)
                return f"{short}: utterance {utterance.number} accepted", "good"
            case "hang-up":
                await call.hang_up()
                return f"{short}: hung up", "good"
    except ProblemError as exc:
        if exc.status == 403:
            return f"this token may only look, not {order.do}; an operator's may", "bad"
        return f"{short}: {exc}", "bad"
    except ClientError as exc:
        return f"{short}: {exc}", "bad"
