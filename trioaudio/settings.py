"""What an operator may set. Every field tells its meaning, unit and limits in its metadata.

The field `dial_timeout_s` is the variable `TRIOAUDIO_DIAL_TIMEOUT_S`; units are in the names.
What is particular to a carrier is in that carrier's own settings class. `settings_loading` fills
these classes from options, the environment, `.env` and config.toml; this file is cheap to import.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from trioaudio.core.secret import MASK, Secret, masked_url
from trioaudio.settings_values import (
    Address,
    Header,
    check_file_place,
    check_headers,
    check_language,
    check_networks,
    check_public_url,
    check_readable_file,
    check_sample_rate,
    check_token,
    check_url,
)

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
LogFormat: TypeAlias = Literal["console", "json"]
Authentication: TypeAlias = Literal["on", "off", "forced-off"]

PREFIX = "TRIOAUDIO_"
_DAY_S = 86_400


def variable(key: str) -> str:
    """Return the environment variable of a field, or of `carrier_field`."""
    return PREFIX + key.upper()


def about(  # noqa: PLR0913  a table's columns
    text: str,
    least: float | None = None,
    most: float | None = None,
    *,
    parse: Callable[[object, Path], object] | None = None,
    check: Callable[[Any], None] | None = None,
    show: Callable[[str], str] | None = None,
    option: str | None = None,
    separator: str | None = None,
) -> dict[str, object]:
    """Return a field's metadata.

    `text` is its line in the settings reference, `least` and `most` are its limits. `parse` reads
    a kind of value no other field has, given the current folder, `check` looks at what was read;
    both raise WrongValueError with what is wrong. `show` makes a value fit to be shown in a
    message, `option` is the command line's name for it where that is not the field's. `separator`
    stands between the items of a text that is a list, which TOML may have as one.
    """
    limits = {"least": least, "most": most}
    rules = {"parse": parse, "check": check, "show": show}
    known = {"help": text, **limits, **rules, "option": option, "separator": separator}
    return {key: value for key, value in known.items() if value is not None}


def hidden(_value: str) -> str:
    """Show nothing of a value."""
    return MASK


def is_secret(field: attrs.Attribute[Any]) -> bool:
    """Say whether a field's value is never to be shown."""
    return field.type in {Secret, Secret.__name__} or field.metadata.get("show") is hidden


def shown_url(url: str | None) -> str:
    """Show a URL without what is secret in it."""
    return repr(url and masked_url(url))


def shown_urls(urls: str) -> str:
    """Show some URLs, separated by |, without what is secret in them."""
    return "|".join(map(masked_url, urls.split("|")))


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that is no carrier's own. Safe to print: secrets show as ***."""

    carrier: str = attrs.field(
        default="telecmi",
        metadata=about("the carrier's protocol, e.g. telecmi, or raw for bare PCM"),
    )
    engine: str = attrs.field(
        default="espeak",
        metadata=about(
            "engines that turn text into speech, in order, separated by commas: the next goes on"
            " when one fails",
            separator=",",
        ),
    )
    embedded_last: bool = attrs.field(
        default=True,
        metadata=about("yes or no: the embedded voice goes on when all engines have failed"),
    )
    voice: str | None = attrs.field(
        default=None,
        metadata=about("the first engine's own name of a voice; empty: the engine's choice"),
    )
    language: str | None = attrs.field(
        default=None,
        metadata=about(
            "language tag (BCP 47) of the text, e.g. en-IN; empty: the voice's",
            check=check_language,
        ),
    )
    sample_rate: int = attrs.field(
        default=8000,
        metadata=about(
            "hertz of the audio sent to the carrier: 8000 or 16000; 24000 where it takes that",
            check=check_sample_rate,
            option="--rate",
        ),
    )
    text_limit: int = attrs.field(
        default=100_000,
        metadata=about("characters, the longest text taken; 0: no limit", 0, 1_000_000_000),
    )

    # --- Text and sound ---
    normalise: bool = attrs.field(
        default=True,
        metadata=about("yes or no: numbers, dates, money and the like are put into words"),
    )
    filter_markup: bool = attrs.field(
        default=True,
        metadata=about("yes or no: Markdown, HTML, emoji and URLs are left out or made speakable"),
    )
    pronunciations: Path | None = attrs.field(
        default=None,
        metadata=about(
            "TOML file of words and how to say them; empty: none", check=check_readable_file
        ),
    )
    levelling: bool = attrs.field(
        default=True,
        metadata=about("yes or no: every voice is brought to the same level, its edges faded"),
    )
    level_dbov: float = attrs.field(
        default=-23.0, metadata=about("dBov, the active speech level aimed at", -40, -10)
    )
    cache_folder: Path | None = attrs.field(
        default=None,
        metadata=about("folder of the prompts made before; empty: the user's cache folder"),
    )
    cache_mb: int = attrs.field(
        default=256,
        metadata=about("megabytes of prompts kept at most; 0: keep and use none", 0, 1_000_000),
    )
    cache_keep: Literal["ordered", "all"] = attrs.field(
        default="ordered",
        metadata=about(
            "what is kept: ordered (by 'trioaudio precache') or all (every whole text spoken)"
        ),
    )

    # --- Connecting ---
    url: str | None = attrs.field(
        default=None,
        repr=shown_url,
        metadata=about(
            "ws:// or wss:// URL to dial; empty: dial nobody", check=check_url, show=masked_url
        ),
    )
    listen: Address | None = attrs.field(
        default=None,
        metadata=about(
            "HOST:PORT where carriers dial in, an IPv6 host in brackets; empty: listen nowhere"
        ),
    )
    token: Secret = attrs.field(
        default=Secret(),
        metadata=about(
            "bearer token sent as 'Authorization: Bearer ...' when dialling; never shown",
            check=check_token,
            show=hidden,
        ),
    )
    headers: tuple[Header, ...] = attrs.field(
        default=(),
        metadata=about(
            "headers sent when dialling, 'Name: value' separated by |; values are never shown",
            check=check_headers,
            show=hidden,
            option="--header",
        ),
    )
    tls_ca_file: Path | None = attrs.field(
        default=None,
        metadata=about(
            "PEM file of the authorities trusted for wss://; empty: the system's",
            check=check_readable_file,
        ),
    )
    dial_timeout_s: float = attrs.field(
        default=10.0, metadata=about("seconds to wait for a dialled connection", 0.01, _DAY_S)
    )
    answer_timeout_s: float = attrs.field(
        default=0.0,
        metadata=about("seconds to wait for a carrier to dial in; 0: for ever", 0, _DAY_S),
    )
    max_message_bytes: int = attrs.field(
        default=1_048_576,
        metadata=about("bytes, the largest message taken from a carrier", 1024, 1 << 30),
    )

    # --- At the door ---
    authentication: Authentication = attrs.field(
        default="on",
        metadata=about(
            "on: a carrier that dials in must prove who it is, if it has a way to; off: knowing the"
            " path is enough, on this machine only; forced-off: from anywhere"
        ),
    )
    public_url: str | None = attrs.field(
        default=None,
        metadata=about(
            "ws:// or wss:// URL under which carriers reach the listener, with the path that a"
            " proxy takes away, if any; empty: as each request says",
            check=check_public_url,
            show=masked_url,
        ),
    )
    trusted_proxies: tuple[str, ...] = attrs.field(
        default=(),
        metadata=about(
            "addresses or networks of the proxies in front of the listener, separated by |, whose"
            " X-Forwarded-For is believed; empty: nobody's",
            check=check_networks,
        ),
    )
    tls_cert_file: Path | None = attrs.field(
        default=None,
        metadata=about(
            "PEM file of the listener's own certificate, and those up to its authority; empty: the"
            " listener speaks no TLS",
            check=check_readable_file,
        ),
    )
    tls_key_file: Path | None = attrs.field(
        default=None,
        metadata=about("PEM file of the key of TRIOAUDIO_TLS_CERT_FILE", check=check_readable_file),
    )
    door_probe_s: float = attrs.field(
        default=1.0,
        metadata=about(
            "seconds in which a connection must give a sign of life when its URL is dialled again;"
            " if it is silent, the new one takes its place",
            0.01,
            60,
        ),
    )
    door_handshakes: int = attrs.field(
        default=100,
        metadata=about("connections from one address that may be in handshake at once", 1, 100_000),
    )
    door_refusals: int = attrs.field(
        default=30,
        metadata=about(
            "refusals in a minute after which an address is turned away until the minute is over",
            1,
            1_000_000,
        ),
    )

    # --- Calls we place ---
    caller_id: str | None = attrs.field(
        default=None,
        metadata=about(
            "telephone number calls are placed from, with its country code, such as +918040000000;"
            " empty: it is given with each call",
            option="--from",
        ),
    )
    rest_timeout_s: float = attrs.field(
        default=15.0,
        metadata=about("seconds a carrier's REST interface may take to answer", 0.1, 600),
    )

    # --- Pacing ---
    lead_ms: int | None = attrs.field(
        default=None,
        metadata=about(
            "milliseconds each frame is sent before it is due; empty: the carrier's", 0, 2000
        ),
    )
    early_ms: float = attrs.field(
        default=1.5,
        metadata=about("milliseconds a frame may be sent early, to save wake-ups", 0, 60),
    )
    keep_ms: int = attrs.field(
        default=2000,
        metadata=about(
            "milliseconds, the age up to which unsent audio survives a lost connection",
            0,
            3_600_000,
        ),
    )

    # --- When a connection fails ---
    send_deadline_s: float = attrs.field(
        default=5.0,
        metadata=about("seconds a socket may take nothing before it counts as lost", 0.01, _DAY_S),
    )
    ping_interval_s: float = attrs.field(
        default=20.0, metadata=about("seconds between pings to a carrier", 0.01, _DAY_S)
    )
    pong_timeout_s: float = attrs.field(
        default=10.0,
        metadata=about("seconds to wait for a ping's answer before the leg is lost", 0.01, _DAY_S),
    )
    return_grace_s: float = attrs.field(
        default=10.0,
        metadata=about("seconds to wait for a lost carrier to dial in again", 0, _DAY_S),
    )
    redial_first_s: float = attrs.field(
        default=0.25,
        metadata=about("seconds, the longest wait before the first redial; doubles", 0, _DAY_S),
    )
    redial_cap_s: float = attrs.field(
        default=8.0, metadata=about("seconds, the longest wait before any redial", 0, _DAY_S)
    )
    redial_attempts: int = attrs.field(
        default=8, metadata=about("redials in a row before giving up", 0, 1_000_000)
    )
    restarts_most: int = attrs.field(
        default=5,
        metadata=about(
            "lost connections tolerated within TRIOAUDIO_RESTARTS_WITHIN_S", 0, 1_000_000
        ),
    )
    restarts_within_s: float = attrs.field(
        default=60.0,
        metadata=about("seconds in which TRIOAUDIO_RESTARTS_MOST are counted", 0, _DAY_S),
    )
    shutdown_s: float = attrs.field(
        default=5.0, metadata=about("seconds for all goodbyes together at the end", 0, _DAY_S)
    )

    # --- Logs ---
    log_level: LogLevel = attrs.field(
        default="info",
        metadata=about("least severe level logged: debug, info, warning, error or critical"),
    )
    log_format: LogFormat = attrs.field(
        default="console",
        metadata=about("console (for people) or json (one object a line)"),
    )
    log_file: Path | None = attrs.field(
        default=None,
        metadata=about(
            "file that errors are also appended to; empty: none", check=check_file_place
        ),
    )
    log_file_mb: int = attrs.field(
        default=100,
        metadata=about(
            "megabytes of TRIOAUDIO_LOG_FILE, after which another one is begun; 0: never",
            0,
            1 << 20,
        ),
    )
    log_files: int = attrs.field(
        default=5,
        metadata=about("older ones of TRIOAUDIO_LOG_FILE that are kept", 1, 1000),
    )


def conflicts(settings: Settings) -> list[str]:
    """Return what is wrong between settings that are right by themselves, one line each."""
    problems = []
    if settings.redial_cap_s < settings.redial_first_s:
        problems.append(
            f"{variable('redial_cap_s')}={settings.redial_cap_s:g}: less than"
            f" {variable('redial_first_s')}={settings.redial_first_s:g};"
            " raise it or lower the other"
        )
    if settings.token and any(h.name.lower() == "authorization" for h in settings.headers):
        problems.append(
            f"{variable('headers')}: gives Authorization, and so does {variable('token')};"
            " keep one of them"
        )
    return problems + unpaired(settings, "tls_cert_file", "tls_key_file")


def unpaired(settings: attrs.AttrsInstance, cert_file: str, key_file: str) -> list[str]:
    """Return what is wrong when a certificate is set without its key, or the key without it."""
    if (getattr(settings, cert_file) is None) is (getattr(settings, key_file) is None):
        return []
    given, missing = cert_file, key_file
    if getattr(settings, cert_file) is None:
        given, missing = missing, given
    problem = (
        f"{variable(given)} is set and {variable(missing)} is not; set both, to the same file if"
        " it holds both, or neither"
    )
    return [problem]


def secret_values(*holders: attrs.AttrsInstance) -> frozenset[str]:
    """Return the plain texts that must not be shown, of settings and of carriers' settings."""
    found: set[str] = set()
    for holder in holders:
        for field in attrs.fields(type(holder)):
            value = getattr(holder, field.name)
            found.update(_secrets_in(value))
            if isinstance(value, str) and field.metadata.get("show") is masked_url:
                found.add(value.partition("?")[2])
    return frozenset(found - {""})


def _secrets_in(value: object) -> list[str]:
    match value:
        case Secret():
            # Of 'Bearer abc' the scheme is no secret, and 'abc' is one also by itself.
            return [value.get(), value.get().rpartition(" ")[2]]
        case tuple():
            return [text for each in value for text in _secrets_in(each)]
        case _:
            return []
