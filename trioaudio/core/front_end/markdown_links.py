"""Constructs of Markdown and HTML inside a line: links, footnotes, entities, escapes."""

from __future__ import annotations

import re

from trioaudio.core.front_end.reading import Construct

_TEXT_REACH = 100
"""Characters in the text of a link at most; until it ends it cannot be told from [an aside]."""
_END_REACH = 1000

_PARENTHESES = r"\([^\s()]*+\)"
_TARGET = rf"<?+[^\s()<>]*+(?:{_PARENTHESES}[^\s()<>]*+)*+"
_END = rf"""\]\({_TARGET}>?+(?:[ \t](?:"[^"\n]*+"|'[^'\n]*+'))?+\)"""
_END_BEGINNING = (
    rf"""\](?:\({_TARGET}(?:\([^\s()]*+|>?+(?:[ \t](?:"[^"\n]*+"?|'[^'\n]*+'?)?)?)?)?"""
)
# An image, which may be the text of a link, is a link with an exclamation mark.
_TEXT = rf"[^\[\]\n]{{0,{_TEXT_REACH}}}+"

LINK_END = Construct(whole=re.compile(_END), beginning=re.compile(_END_BEGINNING), reach=_END_REACH)
LINK = Construct(
    whole=re.compile(rf"\[(?=!\[)|\[{_TEXT}{_END}"),
    beginning=re.compile(rf"\[(?:!|{_TEXT}(?:{_END_BEGINNING})?)"),
    reach=_TEXT_REACH + _END_REACH,
)
FOOTNOTE = Construct(
    whole=re.compile(r"\[\^[\w-]{1,20}\](?::|(?=[^:]))"),
    beginning=re.compile(r"\[(?:\^[\w-]{0,20}\]?)?"),
    reach=25,
)
ENTITY = Construct(
    whole=re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,9});"),
    beginning=re.compile(r"&(?:#\d{0,7}|#[xX][0-9a-fA-F]{0,6}|[A-Za-z][A-Za-z0-9]{0,9})?"),
    reach=12,
)
ESCAPABLE = frozenset("\\`*_{}[]()#+-.!|<>~&")
