"""What a service's refusal means: HTTP status to EngineError, with its own words kept short."""

from __future__ import annotations

from trioaudio.core.errors import EngineError, EngineFault, FaultScope

_LONGEST_WORDS = 200
_KINDS = {
    401: EngineFault.AUTH,
    402: EngineFault.QUOTA,
    403: EngineFault.AUTH,
    408: EngineFault.TIMEOUT,
    409: EngineFault.UNAVAILABLE,
    429: EngineFault.RATE,
}
_ADVICE = {
    EngineFault.AUTH: "; check its key",
    EngineFault.QUOTA: "; the account has no credit left",
}
_RETRYABLE = frozenset((EngineFault.TIMEOUT, EngineFault.RATE, EngineFault.UNAVAILABLE))


def kind_of(status: int) -> EngineFault:
    """Return what kind of failure an HTTP status stands for."""
    if status >= 500 or status < 400:
        return EngineFault.UNAVAILABLE
    return _KINDS.get(status, EngineFault.BAD_REQUEST)


def refusal(
    engine: str, status: int, words: str, *, scope: FaultScope = FaultScope.UTTERANCE
) -> EngineError:
    """Return the error for a status; `words` are the service's own and hold no secret of ours."""
    kind = kind_of(status)
    said = f": {shortened(words)}" if words.strip() else ""
    return EngineError(
        f"{engine} refused with status {status}{said}{_ADVICE.get(kind, '')}",
        kind=kind,
        retryable=kind in _RETRYABLE,
        scope=scope,
    )


def unavailable(engine: str, reason: str) -> EngineError:
    """Return the error for a service that cannot be reached, or went away."""
    return EngineError(
        f"{engine} is not available: {reason}",
        kind=EngineFault.UNAVAILABLE,
        retryable=True,
        scope=FaultScope.CONNECTION,
    )


def broke_protocol(engine: str, what: str) -> EngineError:
    """Return the error for an answer that makes no sense."""
    return EngineError(
        f"{engine} broke its protocol: {shortened(what)}",
        kind=EngineFault.PROTOCOL,
        retryable=True,
    )


def shortened(words: str) -> str:
    """Return what a service said on one line, and not too much of it."""
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS]}..."
