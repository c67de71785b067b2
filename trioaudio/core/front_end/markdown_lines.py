"""What may stand at the beginning of a line of Markdown, and is not said.

https://spec.commonmark.org/0.31.2/ (4 Leaf blocks, 5 Container blocks), and tables of GitHub's
flavour. A list's numbers are said, so they are not here: "press 1" needs its 1.
"""

from __future__ import annotations

import enum
import re

from trioaudio.core.front_end.reading import MORE, Construct, Undecided


class LineMark(enum.Enum):
    """What was found at the beginning of a line."""

    FENCE = "fence"
    RULE = "rule"
    HEADING = "heading"
    QUOTE = "quote"
    BULLET = "bullet"
    BOX = "box"
    RULE_ROW = "rule-row"
    ROW = "row"


_CONSTRUCTS = {
    LineMark.FENCE: Construct(
        whole=re.compile(r"(?:`{3,8}|~{3,8})[ \t]{0,4}+[\w+#.-]{0,20}+[ \t]{0,4}+(?=[\n\r])"),
        beginning=re.compile(
            r"`{1,2}|~{1,2}|(?:`{3,8}|~{3,8})[ \t]{0,4}+[\w+#.-]{0,20}+[ \t]{0,4}+"
        ),
        reach=40,
    ),
    # A longer one is several.
    LineMark.RULE: Construct(
        whole=re.compile(r"([-*_=])\1{2,14}(?=(?!\1)[\s\S])|([-*_=])\2{15}"),
        beginning=re.compile(r"([-*_=])\1{0,14}"),
        reach=17,
    ),
    LineMark.HEADING: Construct(
        whole=re.compile(r"#{1,6}(?=\s)"), beginning=re.compile(r"#{1,6}"), reach=7
    ),
    LineMark.QUOTE: Construct(whole=re.compile(">"), beginning=re.compile("(?!)"), reach=1),
    LineMark.BULLET: Construct(
        whole=re.compile(r"[-*+•‣◦·](?=[ \t])"), beginning=re.compile(r"[-*+•‣◦·]"), reach=2
    ),
    LineMark.BOX: Construct(
        whole=re.compile(r"\[[ xX]\](?=\s)"), beginning=re.compile(r"\[(?:[ xX]\]?)?"), reach=4
    ),
    LineMark.RULE_ROW: Construct(
        whole=re.compile(r"\|[ \t:]{0,8}--"), beginning=re.compile(r"\|[ \t:]{0,8}-?"), reach=11
    ),
    LineMark.ROW: Construct(whole=re.compile(r"\|"), beginning=re.compile("(?!)"), reach=1),
}
FIRST_SIGNS = frozenset("`~-*_=#>+•‣◦·[|")


def read_line_mark(
    text: str, at: int, *, after_bullet: bool, in_fence: bool
) -> tuple[LineMark, int] | Undecided | None:
    """Return the mark at `at`, where a line begins, and its length.

    Inside a fence there is none but its end.
    """
    if text[at] not in FIRST_SIGNS:
        return None
    for mark, construct in _CONSTRUCTS.items():
        if in_fence and mark is not LineMark.FENCE:
            break
        if mark is LineMark.BOX and not after_bullet:
            continue
        found = construct.read(text, at)
        if found is MORE:
            return MORE
        if isinstance(found, re.Match):
            return mark, found.end() - at
    return None
