"""Tags of HTML and SSML: which text is one, and the hints say-as and sub.

Only names of the two languages are tags, so that "a < b" and "Dear <name>" stay what they are.
SSML: https://www.w3.org/TR/speech-synthesis11/ (3.1.8 say-as, 3.1.11 sub).
"""

from __future__ import annotations

import html
import re

import attrs

from trioaudio.core.front_end.reading import MORE, Construct, Undecided
from trioaudio.core.front_end.word_characters import words_in

TAG_REACH = 300
CONTENT_REACH = 200
_HINT_END = "</say-as  >"

_HINTING = {"say-as": "interpret-as", "sub": "alias"}
HINTS = frozenset(_HINTING)
BLOCKS = frozenset(
    words_in(
        "address article aside blockquote br dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li"
        " main nav ol p pre section table tr ul"
    )
)
"""Where one begins or ends, a line does."""
CELLS = frozenset({"td", "th"})
TAGS = frozenset(
    words_in(
        "a abbr audio b big body break button cite code del desc em emphasis font head html i img"
        " input ins kbd label lang lexicon lookup mark meta metadata phoneme prosody q s samp"
        " say-as script small span speak strike strong style sub sup svg tbody tfoot thead title"
        " token tt u var video voice w"
    )
) | (BLOCKS | CELLS)

_ATTRIBUTE = r"""\s++([\w:-]++)\s*+=\s*+("[^"\n]*+"|'[^'\n]*+'|[^\s"'<>=`]++)"""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_WITHOUT_GROUPS = re.sub(r"\((?!\?)", "(?:", _ATTRIBUTE)
_NAME = r"[A-Za-z][A-Za-z0-9-]*+"
_TAG = Construct(
    whole=re.compile(rf"<(/?)({_NAME})((?:{_WITHOUT_GROUPS})*+)\s*+/?>"),
    beginning=re.compile(
        rf"<(?:/|/?{_NAME}(?:{_WITHOUT_GROUPS})*+"
        rf"(?:\s*+/?|\s++[\w:-]++\s*+(?:=\s*+(?:\"[^\"\n]*+|'[^'\n]*+|[^\s\"'<>=`]*+)?)?))?"
    ),
    reach=TAG_REACH,
)
_NAME_SO_FAR = re.compile(r"</?([A-Za-z0-9-]*)")
COMMENT = Construct(
    whole=re.compile(r"<!--.*?-->", re.DOTALL),
    beginning=re.compile(r"<(?:!(?:-(?:-.*)?)?)?", re.DOTALL),
    reach=TAG_REACH,
)
_CONTENT = re.compile(rf"([^<\n]{{1,{CONTENT_REACH}}})</(say-as|sub)\s?>")
_CONTENT_BEGINNING = re.compile(
    rf"[^<\n]{{0,{CONTENT_REACH}}}(?:</?(?:s(?:ay?-?a?s?|ub?)?\s?)?)?",
)


@attrs.frozen
class Tag:
    """A tag as it was written."""

    name: str
    """In lower case."""
    closing: bool
    attributes: dict[str, str]
    length: int

    @property
    def begins_hint(self) -> bool:
        """Whether it says how what follows it is to be said."""
        return not self.closing and _HINTING.get(self.name, "") in self.attributes


@attrs.frozen
class Hint:
    """A stretch of text and how its author wants it said, tags included."""

    tag: Tag
    content: str
    length: int


def read_tag(text: str, at: int, names: frozenset[str] = TAGS) -> Tag | Undecided | None:
    """Return the tag at `at`, where there is a `<`."""
    found = _TAG.read(text, at)
    if isinstance(found, re.Match):
        name = found[2].lower()
        if name not in names:
            return None
        return Tag(name, bool(found[1]), _attributes(found[3]), found.end() - at)
    if found is MORE:
        so_far = _NAME_SO_FAR.match(text, at)
        name = so_far[1].lower() if so_far is not None else ""
        ended = so_far is not None and so_far.end() < len(text)
        known = name in names if ended else any(each.startswith(name) for each in names)
        return MORE if known else None
    return None


def read_hint(text: str, at: int, tag: Tag) -> Hint | Undecided | None:
    """Return the hint that begins with `tag` at `at`; None when it is not closed nearby."""
    begin = at + tag.length
    reach = begin + CONTENT_REACH + len(_HINT_END)
    found = _CONTENT.match(text, begin, reach)
    if found is not None:
        if found[2] != tag.name:
            return None
        return Hint(tag, found[1], found.end() - at)
    if len(text) < reach and _CONTENT_BEGINNING.fullmatch(text, begin) is not None:
        return MORE
    return None


def _attributes(written: str) -> dict[str, str]:
    return {
        name.lower(): html.unescape(value[1:-1] if value[0] in "\"'" else value)
        for name, value in _ATTRIBUTES.findall(written)
    }
