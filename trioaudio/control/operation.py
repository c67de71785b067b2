"""One thing the control API can be asked: what a route, its checks and its documentation are of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from trioaudio.api.shapes import Role
from trioaudio.control.desk import Desk
from trioaudio.control.idempotency import HttpAnswer
from trioaudio.control.options import ControlOptions
from trioaudio.control.tokens import Holder

Guard: TypeAlias = Literal["open", "near"] | Role
"""Open to all; open if only this machine reaches us, else read-only; or a role."""

Form: TypeAlias = Literal["none", "json", "audio"]


@attrs.frozen
class Asked:
    """A request that was admitted, read and checked."""

    desk: Desk
    options: ControlOptions
    holder: Holder | None
    """None where no token is needed."""
    path: str
    path_values: Mapping[str, str]
    query: Any
    """An instance of the operation's `query`."""
    body: Any
    """An instance of the operation's `body`; for `audio` its bytes."""
    content_type: str
    raw_query: str
    traceparent: str | None

    @property
    def call(self) -> str:
        """Return the call of the path."""
        return self.path_values["call"]

    @property
    def shows_media_urls(self) -> bool:
        """Say whether the asker may see what a carrier has to dial."""
        return self.holder is not None and self.holder.may("operator")


@attrs.frozen
class Outcome:
    """What an operation came to, unless it raised."""

    content: object
    headers: tuple[tuple[str, str], ...] = ()


Run: TypeAlias = Callable[[Asked], Outcome | HttpAnswer | Awaitable[Outcome | HttpAnswer]]


@attrs.frozen(kw_only=True, eq=False)
class Operation:
    """A route. `faults` are the kinds of problems beyond those any route of its sort may have."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """With `{call}` and `{utterance}` where values stand."""
    name: str
    summary: str
    guard: Guard
    run: Run
    status: int = 200
    reply: Any = None
    """The type of the answer's body; None: see `media_type`."""
    media_type: str = "application/json"
    form: Form = "none"
    body: Any = None
    body_needed: bool = False
    query: Any = None
    faults: tuple[str, ...] = ()
    head: bool = False
    """HEAD is answered too, as GET is but for the body; the document does not say so."""
    also: Mapping[int, Any] = attrs.field(factory=dict)
    """Answers by status that are no problems, with their types."""
