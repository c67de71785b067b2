"""How much of an utterance's text was heard when it was cut, and where it is taken up again.

Between two words that were told, text passes evenly. A word counts as heard when half of it was,
and the space and the signs behind it are its own.
"""

from __future__ import annotations

import re
import unicodedata

from trioaudio.core.speech import SpokenWord
from trioaudio.core.word_track import WordTrack

_SIGN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces between words
_WORD = re.compile(rf"[{_SIGN}]\W*|[^\w\s]*\w[^\s{_SIGN}]*(?:\s+[^\w\s]+(?!\S))*\s*")
_LETTER_MS = 65.0
"""A character at an ordinary pace: fifteen a second."""
_SIGN_MS = 190.0
"""A Chinese or Japanese character, which is a syllable or a word."""
_FASTEST_MS = 20.0
_SLOWEST_MS = 250.0
"""A character of the slowest voice: what takes longer is a pause."""
_LEARNING = 20
"""Characters told of from which their pace says more than an ordinary one."""
_LONGEST_WORD_MS = 100.0
_LONGEST_LETTER_MS = 150.0
"""Of a word's length in characters, with the time above: from then on it is over."""
_LONGEST = 200
"""Characters looked at for the edges of a word; a longer one is cut anywhere."""


def heard_characters(
    words: WordTrack, text_length: int, played_ms: float, audio_ms: float | None, text: str
) -> int:
    """Return how many characters of the text were heard, up to the end of a word.

    `text` is the utterance's so far, of `text_length` characters; `played_ms` how much of its
    audio was played, `audio_ms` how much there is, None when it is not all made. What no word
    was told of is estimated from the pace of the words before it, or an ordinary one.
    """
    if played_ms <= 0 or text_length <= 0:
        return 0
    if audio_ms is not None and played_ms >= audio_ms:
        return text_length
    begun = words.begun(played_ms)
    if len(words) and not begun:
        return 0
    first, end = words.together(begun - 1) if begun else (0, 0)
    begin = words.start(first) if begun else 0
    since_ms = played_ms - words.time(first) if begun else played_ms
    if end < len(words):
        stop = words.start(end)
        share = since_ms / (words.time(end) - words.time(first))
        place = begin + (stop - begin) * share
    else:
        stop = text_length
        place = begin + since_ms / _character_ms(words, begin, audio_ms, text)
    return min(_whole_words(text, begin, place, stop), text_length)


def word_start_before(words: WordTrack, at_ms: float) -> float:
    """Return the milliseconds of an utterance's audio from which to speak on when cut at `at_ms`.

    That is the beginning of the word, or of the number, which was being spoken, however little of
    it was. Where none was, before the first or in a pause, and where no word was told, it is
    `at_ms` itself. So one word is said twice at most, and none is left out.
    """
    begun = words.begun(at_ms)
    if not begun:
        return at_ms
    last = begun - 1
    over_ms = _LONGEST_WORD_MS + _LONGEST_LETTER_MS * words.at(last).length
    if at_ms >= words.time(last) + over_ms:
        return at_ms
    while words.repeats(last):
        last -= 1
    return words.time(last)


def words_due(words: WordTrack, from_ms: float, to_ms: float) -> list[SpokenWord]:
    """Return the words that begin from one moment on and before another, a number's once.

    Over stretches that join, each word is returned once, unless it was told too late.
    """
    due = range(words.begun_before(from_ms), words.begun_before(to_ms))
    return [words.at(each) for each in due if not words.repeats(each)]


def _character_ms(words: WordTrack, begin: int, audio_ms: float | None, text: str) -> float:
    """Return how long a character takes from the last word told on, which begins at `begin`."""
    last_ms = words.time(len(words) - 1) if len(words) else 0.0
    if audio_ms is not None and len(text) > begin:
        pace = (audio_ms - last_ms) / (len(text) - begin)
    elif len(words) and begin - words.start(0) >= _LEARNING:
        pace = (last_ms - words.time(0)) / (begin - words.start(0))
    else:
        wide = unicodedata.east_asian_width(text[begin]) if begin < len(text) else ""
        pace = _SIGN_MS if wide == "W" else _LETTER_MS
    return min(max(pace, _FASTEST_MS), _SLOWEST_MS)


def _whole_words(text: str, begin: int, place: float, stop: int) -> int:
    """Return the end of the last word that was heard by half when speech has come to `place`.

    A word begins at `begin`, and at `stop` the next one that was told.
    """
    if place >= stop:
        return stop
    near = int(place)
    if near >= len(text):
        return begin
    edge = begin
    if near - begin > _LONGEST:
        space = text.rfind(" ", begin, near - _LONGEST)
        edge = space + 1 if space >= 0 else near - _LONGEST
    for word in _WORD.finditer(text, edge, near + _LONGEST):
        if word.start() > near:
            break
        edge = end = min(word.end(), stop)
        if near < end:
            return end if place >= (word.start() + end) / 2 else word.start()
    return edge
