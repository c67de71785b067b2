"""One error for several: those of an engine's own tasks, and those of all engines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from trioaudio.core.errors import EngineError, EngineFault, TextError, TrioaudioError
from trioaudio.core.verdict import leaves

_RUN: Final = 16
"""Letters in a row that are a quotation, and no words that both happen to have."""
_LEAST: Final = 4
"""Letters of a text's beginning, or of all of it, below which they are words everybody has."""
_LEFT_OUT: Final = "…"


@contextmanager
def one_engine_error() -> Iterator[None]:
    """Raise the first of a group of EngineErrors in the group's place.

    A group with anything else in it is a bug, and stays as it is.
    """
    try:
        yield
    except ExceptionGroup as group:
        errors = leaves(group)
        if all(isinstance(each, EngineError) for each in errors):
            raise errors[0]  # noqa: B904  it keeps the cause it has
        raise


def without_text(
    error: EngineError | TextError | None, texts: Sequence[str]
) -> EngineError | TextError | None:
    """Return an error whose words quote nothing of the texts: it is logged, and kept in records.

    Engines quote what they could not speak, and services what they were sent.
    """
    if not isinstance(error, EngineError):
        return error  # of a text itself we only say what is wrong with it
    words = str(error)
    for text in sorted(texts, key=len, reverse=True):  # one may begin as another does
        words = _unquoted(words, text)
    if words == str(error):
        return error
    silent = EngineError(words, kind=error.kind, retryable=error.retryable, scope=error.scope)
    silent.__cause__ = error.__cause__
    return silent


def _unquoted(words: str, text: str) -> str:
    """Replace the text's beginning in quotes, and runs of letters that stand in both.

    Of a short text that is all of it, and not within a word.
    """
    longest = min(len(text), _RUN - 1)
    for end in range(longest, max(1, min(longest, _LEAST)) - 1, -1):
        words = _without_quotation(words, text[:end])
    if len(text) < _RUN:
        return _without_bare(words, text.strip())
    return _without_runs(words, text)


def _without_quotation(words: str, beginning: str) -> str:
    plain, escaped = re.escape(beginning), re.escape(repr(beginning)[1:-1])
    return re.sub(rf"""(['"`])(?:{plain}|{escaped})(?:…|\.\.\.)?\1""", _LEFT_OUT, words)


def _without_bare(words: str, text: str) -> str:
    if len(text) < _LEAST:
        return words
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", text) else ""
    return re.sub(before + re.escape(text) + after, _LEFT_OUT, words)


def _without_runs(words: str, text: str) -> str:
    kept: list[str] = []
    at = 0
    while at < len(words):
        end = at + _RUN
        if words[at:end] not in text or end > len(words):
            kept.append(words[at])
            at += 1
            continue
        while end < len(words) and words[at : end + 1] in text:
            end += 1
        kept.append(_LEFT_OUT)
        at = end
    return "".join(kept)


def nobody_could(failed: Sequence[tuple[str, TrioaudioError]]) -> TrioaudioError:
    """Return the error of an utterance that nobody could speak: the only one, or all of them."""
    if len(failed) == 1 or all(isinstance(error, TextError) for _, error in failed):
        return failed[0][1]
    last = failed[-1][1]
    kind = last.kind if isinstance(last, EngineError) else EngineFault.BAD_REQUEST
    reasons = "; ".join(str(error) for _, error in failed)
    return EngineError(f"no engine could speak: {reasons}", kind=kind, retryable=True)
