"""The little language of tones: "425:400 0:200 941+1336:100", or the names of what people know.

An item is frequencies in Hz joined by `+`, a colon, and milliseconds; 0 Hz is silence. Or it is a
name: `dial`, `ringback`, `busy` or `congestion`, with milliseconds after a colon if one cadence is
not the right length; `sit`, `beep`, `silence:500`, `dtmf:123#`. Items stand between spaces or
commas. Frequencies and cadences of the networks are those of ITU-T E.180 Supplement 2, keys those
of ITU-T Q.23.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from trioaudio.core.suggest import did_you_mean

MOST_FREQUENCIES = 4
LONGEST_MS = 600_000
"""Of one line; nobody listens to a tone for longer."""

_CONTINUOUS_MS = 1000  # a tone without cadence, when nobody says how long
_KEY_MS = 100  # a key and the pause after it; Q.24 lets receivers ask for 40 of each
_ITEM = re.compile(r"[^\s,]+")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_LOW = (697.0, 770.0, 852.0, 941.0)
_HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS = "123A456B789C*0#D"


@attrs.frozen
class Tone:
    """Frequencies that sound together, none for silence, and for how long."""

    hertz: tuple[float, ...]
    ms: int


@attrs.frozen
class Item:
    """An item of a line, and where it stands in it."""

    start: int
    length: int
    tones: tuple[Tone, ...]


def _cadence(*parts: tuple[int | str, int]) -> tuple[Tone, ...]:
    """Return tones from frequencies joined by `+` and milliseconds."""
    return tuple(
        Tone(tuple(float(each) for each in str(hertz).split("+")) if hertz else (), ms)
        for hertz, ms in parts
    )


# India's 400*25 is 400 Hz modulated with 25 Hz: the two frequencies beside it.
PLANS: Mapping[str, Mapping[str, tuple[Tone, ...]]] = {
    "india": {
        "dial": _cadence(("375+425", _CONTINUOUS_MS)),
        "ringback": _cadence(("375+425", 400), (0, 200), ("375+425", 400), (0, 2000)),
        "busy": _cadence((400, 750), (0, 750)),
        "congestion": _cadence((400, 250), (0, 250)),
    },
    "us": {
        "dial": _cadence(("350+440", _CONTINUOUS_MS)),
        "ringback": _cadence(("440+480", 2000), (0, 4000)),
        "busy": _cadence(("480+620", 500), (0, 500)),
        "congestion": _cadence(("480+620", 250), (0, 250)),
    },
    "europe": {
        "dial": _cadence((425, _CONTINUOUS_MS)),
        "ringback": _cadence((425, 1000), (0, 4000)),
        "busy": _cadence((425, 500), (0, 500)),
        "congestion": _cadence((425, 250), (0, 250)),
    },
}
"""By network: what its tones are made of, one cadence of each."""

_EVERYWHERE = {
    "sit": _cadence((950, 330), (1400, 330), (1800, 330), (0, 1000)),
    "beep": _cadence((1000, 200)),
    "silence": _cadence((0, _CONTINUOUS_MS)),
}


def read_tones(line: str, plan: str, sample_rate: int) -> list[Item]:
    """Return the items of a line; ValueError that says what is wrong, and where."""
    items = []
    left_ms = LONGEST_MS
    for found in _ITEM.finditer(line):
        text = found[0]
        try:
            tones = tuple(_read_item(text, plan, sample_rate))
            left_ms = _left(left_ms, tones)
        except ValueError as exc:
            raise ValueError(f"{text[:40]!r} at character {found.start() + 1}: {exc}") from None
        items.append(Item(found.start(), len(text), tones))
    return items


def _left(left_ms: int, tones: tuple[Tone, ...]) -> int:
    left_ms -= sum(each.ms for each in tones)
    if left_ms < 0:
        raise ValueError(f"with it the tones last longer than {LONGEST_MS // 1000} s")
    return left_ms


def _read_item(text: str, plan: str, sample_rate: int) -> Iterator[Tone]:
    name, colon, value = text.partition(":")
    if name.lower() == "dtmf":
        yield from _read_keys(value)
    elif name[:1].isdigit():
        if not colon:
            raise ValueError("how many milliseconds? e.g. 425:400")
        yield Tone(_read_hertz(name, sample_rate), _read_ms(value))
    else:
        known = {**PLANS[plan], **_EVERYWHERE}
        cadence = known.get(name.lower())
        if cadence is None:
            raise ValueError(f"unknown tone; {did_you_mean(name.lower(), [*known, 'dtmf'])}")
        yield from _repeated(cadence, _read_ms(value)) if colon else cadence


def _read_keys(keys: str) -> Iterator[Tone]:
    if not keys:
        raise ValueError("which keys? e.g. dtmf:123#")
    for key in keys.upper():
        at = _KEYS.find(key)
        if at < 0:
            raise ValueError(f"{key!r} is no key; there are 0 to 9, *, # and A to D")
        yield Tone((_LOW[at // 4], _HIGH[at % 4]), _KEY_MS)
        yield Tone((), _KEY_MS)


def _read_hertz(text: str, sample_rate: int) -> tuple[float, ...]:
    parts = text.split("+")
    if not all(_NUMBER.fullmatch(each) and each.isascii() for each in parts):
        raise ValueError("frequencies in Hz are numbers joined by +, e.g. 941+1336:100")
    hertz = [float(each) for each in parts]
    if hertz == [0]:
        return ()
    if len(hertz) > MOST_FREQUENCIES:
        raise ValueError(f"more than {MOST_FREQUENCIES} frequencies at once")
    if min(hertz) < 1 or max(hertz) >= sample_rate / 2:
        raise ValueError(f"a frequency must be from 1 Hz to below {sample_rate // 2} Hz")
    return tuple(hertz)


def _read_ms(text: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,7}", text):
        raise ValueError("milliseconds are a whole number above 0, e.g. 425:400")
    return int(text)


def _repeated(cadence: tuple[Tone, ...], ms: int) -> Iterator[Tone]:
    """Repeat a cadence until the time is over, in the middle of it if need be."""
    if ms > LONGEST_MS:
        raise ValueError(f"longer than {LONGEST_MS // 1000} s")
    while True:
        for each in cadence:
            yield attrs.evolve(each, ms=min(each.ms, ms))
            ms -= each.ms
            if ms <= 0:
                return
