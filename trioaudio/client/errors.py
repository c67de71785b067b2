"""Why a request to the daemon came to nothing, as the client tells it."""

from __future__ import annotations

from trioaudio.api.views import Problem
from trioaudio.core.errors import TrioaudioError


class ClientError(TrioaudioError):
    """Root of the client's own errors; the message is one line a person can act on."""


class ProblemError(ClientError):
    """The daemon answered, and said no: `problem` is its answer (RFC 9457)."""

    def __init__(self, problem: Problem) -> None:
        wrong = "; ".join(
            f"{each.get('field', '')}: {each.get('problem', '')}" for each in problem.errors or ()
        )
        told = problem.detail or problem.title
        super().__init__(f"{told} ({wrong})" if wrong else told)
        self.problem = problem

    @property
    def status(self) -> int:
        """The HTTP status, the same over the stream."""
        return self.problem.status

    @property
    def kind(self) -> str:
        """What was wrong, in a word, such as not-found, ended, conflict, invalid, full."""
        return self.problem.type.replace("#", "/").replace(":", "/").rsplit("/", 1)[-1]


class UnreachableError(ClientError):
    """Nobody answers there, the connection was lost, or it is no daemon that answers."""


class StreamCutError(ClientError):
    """The stream, or its events, came to an end; `lost` events were not told, if that is known."""

    def __init__(self, message: str, lost: int = 0) -> None:
        super().__init__(message)
        self.lost = lost
