"""How these tests run a verb: in this process, against a served fake daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from client.served import Served, served
from control.fake_desk import FakeCall, FakeDesk
from trioaudio.api.requests import NewCall
from trioaudio.cli import run_command_line


def verb(far: Served, name: str, *arguments: str) -> int:
    """Run a verb; the token is in a file, as it should be."""
    token = far.folder / "a-token"
    token.write_text(f"{far.token}\n")
    return run_command_line([name, "--control", far.url, "--token-file", str(token), *arguments])


@contextmanager
def with_call(desk: FakeDesk | None = None) -> Iterator[Served]:
    """Serve a daemon with one call, call-1."""
    with served(desk) as far:
        far.do(lambda: make_call(far.desk))
        yield far


def make_call(desk: FakeDesk, call: str = "call-1", **wanted: str) -> None:
    """Bring a call up without asking for it."""
    view = desk._new_view(NewCall(to=wanted.get("to", "+919800000000")), call, "raw", None, None)
    desk.known[call] = FakeCall(view)
    desk.answer(call)
