"""The author's text, piece by piece, without what is there for the eye only.

Markdown, HTML, emoji and control characters go; hints (say-as, sub) and URLs become stand-ins.
However the text is cut into pieces, the same characters come out. Mostly one character is waited
for, never more than the reach of a construct: 1100 characters.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import ClassVar

from trioaudio.core.front_end import addresses, markdown_emphasis, tags
from trioaudio.core.front_end.emoji import EMOJI, KEYCAP_PARTS, is_emoji
from trioaudio.core.front_end.filtered_text import FilteredText
from trioaudio.core.front_end.markdown_lines import LineMark, read_line_mark
from trioaudio.core.front_end.markdown_links import (
    ENTITY,
    ESCAPABLE,
    FOOTNOTE,
    LINK,
    LINK_END,
)
from trioaudio.core.front_end.reading import MORE
from trioaudio.core.front_end.word_characters import WORD, in_word
from trioaudio.core.text import without_controls

_CODE_REACH = 200
"""Characters after which a back-tick that was not closed no longer counts."""
_WAIT = 0
"""A step of no characters: what stands there is not decided yet."""

_JOINER = "\u200d"
_LINE_ENDS = "\n\r\u2028\u2029"
_SPACES = re.compile(rf"[^\S{_LINE_ENDS}]+")
_PLAIN = re.compile(rf"[^\s*_~`\[\]!<&|\\{EMOJI}{_JOINER}]+")
_PLAIN_BUT_FOR_TAGS = re.compile(r"[^\s<]+")
_PICTURES = re.compile(rf"[{EMOJI}]+")
_WORD = re.compile(rf"[{WORD}]")
_RULE_ROW = re.compile(r"[-:| \t]+")


class TextFilter:
    """Pieces of an author's text in, characters to be said out, into `out`."""

    def __init__(
        self,
        out: FilteredText,
        say_hint: Callable[[tags.Hint], str | None],
        signs: dict[str, str],
        *,
        markup: bool,
    ) -> None:
        self._out = out
        self._say_hint = say_hint
        self._signs = signs
        self._markup = markup
        self._plain = _PLAIN if markup else _PLAIN_BUT_FOR_TAGS
        self._raw = ""  # not decided yet
        self._offset = 0  # where self._raw begins in the author's text
        self._final = False
        self._previous = ""  # the author's character before the one looked at
        self._line_begins = True
        self._after_bullet = False
        self._in_row = False
        self._in_rule_row = False
        self._open_links = 0
        self._in_fence = False
        self._in_url = False  # in the part of a URL that is beyond its reach
        self._code_until = 0

    @property
    def waiting(self) -> str:
        """What came and is not decided yet."""
        return self._raw

    def push(self, piece: str) -> None:
        """Let through what `piece` decides."""
        self._raw += without_controls(piece)[0]
        self._advance()

    def finish(self) -> None:
        """Let through the rest: the text has ended. What may follow is another text."""
        self._final = True
        self._advance()
        self._final = False

    def _advance(self) -> None:
        at = 0
        while at < len(self._raw):
            count = self._step(at)
            if count == _WAIT:
                break
            at += count
            self._previous = self._raw[at - 1]
        self._raw = self._raw[at:]
        self._offset += at

    def _step(self, at: int) -> int:
        """Deal with what stands at `at`; return how many characters that were."""
        if (count := self._skip(at)) or (count := self._whitespace(at)):
            return count
        if self._line_begins and self._markup:
            marked = self._line_mark(at)
            if marked is not None:
                return marked
        self._line_begins = False
        if self._plain.match(self._raw, at) is not None:
            return self._words(at)
        return self._sign(at)

    def _skip(self, at: int) -> int:
        """Skip the rest of a row or a URL of which nothing is said."""
        found = None
        if self._in_rule_row:
            found = _RULE_ROW.match(self._raw, at)
        elif self._in_url:
            found = addresses.URL_SIGNS.match(self._raw, at)
        self._in_rule_row = self._in_rule_row and found is not None
        self._in_url = self._in_url and found is not None
        return found.end() - at if found is not None else 0

    def _whitespace(self, at: int) -> int:
        character = self._raw[at]
        if character in _LINE_ENDS:
            if character != "\n" or self._previous != "\r":
                self._out.end_line(self._offset + at, self._offset + at + 1)
            self._line_begins = True
            self._after_bullet = self._in_row = False
            self._open_links = 0
            self._code_until = 0
            return 1
        found = _SPACES.match(self._raw, at)
        if found is None:
            return 0
        self._out.space(self._offset + at, self._offset + at + 1)
        return found.end() - at

    def _line_mark(self, at: int) -> int | None:
        found = read_line_mark(
            self._raw, at, after_bullet=self._after_bullet, in_fence=self._in_fence
        )
        if found is None:
            return None
        if found is MORE:
            return None if self._final else _WAIT
        mark, length = found
        match mark:
            case LineMark.FENCE:
                self._in_fence = not self._in_fence
            case LineMark.BULLET:
                self._out.end_line(self._offset + at, self._offset + at + length)
                self._after_bullet = True
            case LineMark.RULE_ROW:
                self._in_rule_row = True
            case LineMark.ROW:
                self._out.end_line(self._offset + at, self._offset + at + length)
                self._in_row = True
                self._line_begins = False
            case _:
                pass  # gone, that is all
        return length

    def _words(self, at: int) -> int:
        """Deal with characters that mean nothing special, but for the URLs among them."""
        found = self._plain.match(self._raw, at)
        assert found is not None
        end = found.end()
        if self._markup:
            if at == 0 and _WORD.fullmatch(self._previous) is not None:
                end = 1  # it goes on with a word begun before: no URL begins here
            elif (url := addresses.URL_BEGINS.search(self._raw, at, end)) is not None:
                if url.start() == at:
                    return self._url(at)
                end = url.start()
            elif end == len(self._raw) and not self._final:
                maybe = addresses.URL_MAY_BEGIN.search(self._raw, at)
                end = maybe.start() if maybe is not None else end
        return self._write(at, end - at) if end > at else _WAIT

    def _url(self, at: int) -> int:
        found = addresses.URL.read(self._raw, at)
        if found is MORE and not self._final:
            return _WAIT
        signs = addresses.URL_SIGNS.match(self._raw, at, at + addresses.URL_REACH)
        assert signs is not None
        self._in_url = found is None
        url = signs[0] if self._in_url else addresses.written_url(signs[0])
        words = addresses.say_host(addresses.host_of(url), self._signs)
        self._out.write_instead(words, self._offset + at, self._offset + at + len(url))
        return len(url)

    def _sign(self, at: int) -> int:
        sign = self._raw[at]
        if self._markup:
            pictures = _PICTURES.match(self._raw, at)
            if pictures is not None:
                self._out.part_words()
                return pictures.end() - at
            if sign == _JOINER and is_emoji(self._previous):
                return 1
            if sign == "`":
                return self._backticks(at)
            if self._in_fence or self._offset + at < self._code_until:
                return self._write(at, 1)
        rule = self._RULES.get(sign)
        return rule(self, at) if rule is not None else self._write(at, 1)

    def _backticks(self, at: int) -> int:
        begin = self._offset + at
        if self._previous != "`" and not self._in_fence:
            self._code_until = 0 if begin < self._code_until else begin + _CODE_REACH
        return 1

    def _emphasis(self, at: int) -> int:
        found = markdown_emphasis.RUN.match(self._raw, at)
        assert found is not None
        run, end = found[0], found.end()
        if end == len(self._raw) and not self._final:
            return _WAIT
        after = self._raw[end : end + 1] or " "
        if run == "*" and after.isdecimal():
            keys = markdown_emphasis.KEYS.read(self._raw, at)
            if keys is MORE and not self._final:
                return _WAIT
            if isinstance(keys, re.Match) or (keys is MORE and self._raw[end:].isdecimal()):
                return self._write(at, 1)
        markup = markdown_emphasis.is_markup(run, self._previous or " ", after)
        if markup and after not in KEYCAP_PARTS:
            return len(run)
        return self._write(at, len(run))

    def _open_bracket(self, at: int) -> int:
        footnote = FOOTNOTE.read(self._raw, at)
        link = LINK.read(self._raw, at)
        if MORE in (footnote, link) and not self._final:
            return _WAIT
        if isinstance(footnote, re.Match):
            self._out.part_words()
            return footnote.end() - at
        if isinstance(link, re.Match):
            self._open_links += 1
            return 1
        return self._write(at, 1)

    def _close_bracket(self, at: int) -> int:
        end = LINK_END.read(self._raw, at)
        if end is MORE and not self._final:
            return _WAIT
        if self._open_links and isinstance(end, re.Match):
            self._open_links -= 1
            return end.end() - at
        return self._write(at, 1)

    def _exclamation_mark(self, at: int) -> int:
        if in_word(self._previous):
            return self._write(at, 1)
        if at + 1 == len(self._raw) and not self._final:
            return _WAIT
        image = LINK.read(self._raw, at + 1)
        if image is MORE and not self._final:
            return _WAIT
        return 1 if isinstance(image, re.Match) else self._write(at, 1)

    def _less_than(self, at: int) -> int:
        names = tags.TAGS if self._markup else tags.HINTS
        if self._markup:
            comment = tags.COMMENT.read(self._raw, at)
            angled = addresses.ANGLED.read(self._raw, at)
            if isinstance(comment, re.Match):
                return comment.end() - at
            if isinstance(angled, re.Match):
                return self._angled(at, angled)
            if MORE in (comment, angled) and not self._final:
                return _WAIT
        tag = tags.read_tag(self._raw, at, names)
        if tag is MORE and not self._final:
            return _WAIT
        return self._tag(at, tag) if isinstance(tag, tags.Tag) else self._write(at, 1)

    def _angled(self, at: int, found: re.Match[str]) -> int:
        scheme, _, address = found[1].partition(":")
        if scheme == "mailto":
            words = addresses.say_email(address, self._signs)
        else:
            words = addresses.say_host(addresses.host_of(found[1]), self._signs)
        self._out.write_instead(words, self._offset + at, self._offset + found.end())
        return found.end() - at

    def _tag(self, at: int, tag: tags.Tag) -> int:
        begin = self._offset + at
        if tag.begins_hint:
            hint = tags.read_hint(self._raw, at, tag)
            if hint is MORE and not self._final:
                return _WAIT
            if isinstance(hint, tags.Hint):
                words = self._say_hint(hint)
                if words is not None:
                    self._out.write_instead(words, begin, begin + hint.length)
                    return hint.length
        if tag.name in tags.BLOCKS:
            self._out.end_line(begin, begin + tag.length)
        elif tag.name in tags.CELLS:
            self._out.part_cells()
        return tag.length

    def _ampersand(self, at: int) -> int:
        found = ENTITY.read(self._raw, at)
        if found is MORE and not self._final:
            return _WAIT
        if not isinstance(found, re.Match):
            return self._write(at, 1)
        meant = html.unescape(found[0])
        if meant == found[0]:
            return self._write(at, 1)
        for character in without_controls(meant)[0]:
            if character.isspace():
                self._out.space(self._offset + at, self._offset + found.end())
            else:
                self._out.write_character(character, self._offset + at, self._offset + found.end())
        return found.end() - at

    def _pipe(self, at: int) -> int:
        if not self._in_row:
            return self._write(at, 1)
        self._out.part_cells()
        return 1

    def _backslash(self, at: int) -> int:
        if at + 1 == len(self._raw) and not self._final:
            return _WAIT
        if self._raw[at + 1 : at + 2] in ESCAPABLE:
            self._out.write(self._raw[at + 1], self._offset + at + 1)
            return 2
        return self._write(at, 1)

    def _write(self, at: int, count: int) -> int:
        self._out.write(self._raw[at : at + count], self._offset + at)
        return count

    # Of the class, not of each filter: its own methods in a table of its own would be a cycle,
    # which only the garbage collector takes apart.
    _RULES: ClassVar[dict[str, Callable[[TextFilter, int], int]]] = {
        "*": _emphasis,
        "_": _emphasis,
        "~": _emphasis,
        "[": _open_bracket,
        "]": _close_bracket,
        "!": _exclamation_mark,
        "<": _less_than,
        "&": _ampersand,
        "|": _pipe,
        "\\": _backslash,
    }
