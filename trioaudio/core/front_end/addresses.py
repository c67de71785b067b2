"""Addresses of the net: where one is in a text, and what of it a voice says.

Of a URL only the host is said: "https://www.example.com/path?x=1" becomes "example dot com". Of
an e-mail address everything is. Without words for the language the signs stay.
"""

from __future__ import annotations

import re

from trioaudio.core.front_end.reading import Construct
from trioaudio.core.front_end.word_characters import WORD

URL_REACH = 500
_SIGNS = r"A-Za-z0-9\-._~:/?#@!$&'()*+,;=%"
URL_SIGNS = re.compile(rf"[{_SIGNS}]+")
_BEGINNING = "(?i:https?://|www\\.)"
URL_BEGINS = re.compile(rf"(?<![{WORD}]){_BEGINNING}(?=[A-Za-z0-9])")
URL_MAY_BEGIN = re.compile(
    rf"(?<![{WORD}])(?i:h(?:t(?:t(?:p(?:s?(?::(?://?)?)?)?)?)?)?|w(?:w(?:w\.?)?)?)\Z"
)
"""Matches at the end of a text what the next piece may make the beginning of a URL."""
URL = Construct(
    whole=re.compile(rf"{_BEGINNING}[{_SIGNS}]++(?=[^{_SIGNS}])"),
    beginning=re.compile(rf"{_BEGINNING}[{_SIGNS}]*+"),
    reach=URL_REACH,
)
ANGLED = Construct(
    whole=re.compile(rf"<((?:mailto:|https?://)[{_SIGNS}]++)>"),
    beginning=re.compile(
        rf"<(?:m(?:a(?:i(?:l(?:t(?:o(?::[{_SIGNS}]*+)?)?)?)?)?)?"
        rf"|h(?:t(?:t(?:p(?:s?(?::(?:/(?:/[{_SIGNS}]*+)?)?)?)?)?)?)?)?"
    ),
    reach=URL_REACH,
)
"""An address between angle brackets, as in <https://example.com>."""

_LABELS_SAID = 5
_HOST_REACH = 150
"""Characters said of a host at most; a real one has fewer, and a clause must stay short."""
_TRAILING = ".,;:!?'*_~"
_HOST = re.compile(r"(?:[a-z]+://)?(?:[^/?#@]*@)?(?:www\.)?([^/?#:@]+)", re.IGNORECASE)
# Domains people write without a scheme; a full stop before any other word may be a full stop.
_DOMAINS = (
    "com|org|net|in|io|ai|app|dev|gov|edu|info|biz|me|uk|us|eu|de|fr|ca|au|bank|shop|store|online"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?+"
EMAIL = re.compile(
    rf"(?<![{WORD}.+-])[A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}}@{_LABEL}(?:\.{_LABEL}){{1,5}}(?![{WORD}])"
)
DOMAIN = re.compile(
    rf"(?<![{WORD}.@/-])(?=[\w.-]*?[A-Za-z])((?:{_LABEL}\.){{1,4}}(?:{_DOMAINS}))"
    rf"(?![{WORD}@-]|\.[{WORD}])(?:/[{_SIGNS}]*[A-Za-z0-9/])?"
)


def written_url(text: str) -> str:
    """Return the part of a run of URL signs that is the URL, without the sentence's own signs."""
    while True:
        bare = text.rstrip(_TRAILING)
        if bare.endswith(")") and bare.count("(") < bare.count(")"):
            bare = bare[:-1]
        if bare == text:
            return text
        text = bare


def host_of(url: str) -> str:
    """Return the host of a URL; what cannot be read as one is returned whole."""
    found = _HOST.match(url)
    return found[1] if found is not None else url


def say_host(host: str, words: dict[str, str]) -> str:
    """Return a host as it is said: "example dot com"."""
    labels = host.strip(".").split(".")[-_LABELS_SAID:]
    between = f" {words['.']} " if "." in words else "."
    return between.join(labels)[-_HOST_REACH:]


def say_email(address: str, words: dict[str, str]) -> str:
    """Return an e-mail address as it is said: "a dot b at example dot com"."""
    return re.sub(
        r"[._%+@-]",
        lambda sign: f" {words[sign[0]]} " if sign[0] in words else sign[0],
        address,
    )
