"""What an operator may set about the daemon, `trioaudio serve`, beside what every run has.

Written like `settings.Settings`: the field `calls_most` is the variable `TRIOAUDIO_CALLS_MOST`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from trioaudio.core.secret import Secret, masked_url
from trioaudio.serve_values import (
    check_event_names,
    check_folder_place,
    check_greeting,
    check_path_key,
    check_place,
    check_prefixes,
    check_records,
    check_webhook_url,
    parse_names,
    parse_parts,
    parse_place,
    parse_records,
)
from trioaudio.settings import about, hidden, shown_url, shown_urls, unpaired, variable
from trioaudio.settings_values import Address, check_readable_file, check_url

MediaAuth: TypeAlias = Literal["tokens", "off", "forced-off"]

WEBHOOK_EVENTS = (
    "call.started",
    "call.answered",
    "call.lost",
    "call.returned",
    "call.ended",
    "utterance.completed",
    "dtmf",
)
_DAY_S = 86_400


@attrs.frozen(kw_only=True)
class ServeSettings:
    """The daemon's own. Safe to print: secrets show as ***."""

    # --- Where it listens ---
    media_listen: Address | Path = attrs.field(
        default=Address("127.0.0.1", 8088),
        metadata=about(
            "HOST:PORT where carriers dial in, an IPv6 host in brackets, or the absolute path of a"
            " Unix socket that a proxy connects to",
            parse=parse_place,
            check=check_place,
        ),
    )
    reuse_port: bool = attrs.field(
        default=False,
        metadata=about(
            "yes or no: other daemons of the same user may listen on TRIOAUDIO_MEDIA_LISTEN too;"
            " each connection is given to any of them"
        ),
    )
    control_listen: Address | Path = attrs.field(
        default=Address("127.0.0.1", 8089),
        metadata=about(
            "HOST:PORT of the control API, or the absolute path of a Unix socket",
            parse=parse_place,
            check=check_place,
        ),
    )
    control_tls_cert_file: Path | None = attrs.field(
        default=None,
        metadata=about(
            "PEM file of the control API's own certificate, and those up to its authority; empty:"
            " it speaks no TLS",
            check=check_readable_file,
        ),
    )
    control_tls_key_file: Path | None = attrs.field(
        default=None,
        metadata=about(
            "PEM file of the key of TRIOAUDIO_CONTROL_TLS_CERT_FILE", check=check_readable_file
        ),
    )

    # --- Carriers and calls ---
    carriers: tuple[str, ...] = attrs.field(
        default=(),
        metadata=about(
            "carriers whose calls are taken, separated by commas, the one for new calls first;"
            " empty: TRIOAUDIO_CARRIER's, if that is set, and all whose proof can be checked with"
            " what is set, or that have none",
            parse=parse_names,
        ),
    )
    media_auth: MediaAuth = attrs.field(
        default="tokens",
        metadata=about(
            "tokens: a carrier must dial a call's own URL, which is good for once, and prove itself"
            " as TRIOAUDIO_AUTHENTICATION says; off: whoever dials /media/CARRIER is let in without"
            " both, on this machine only; forced-off: from anywhere"
        ),
    )
    greeting: str = attrs.field(
        default="",
        metadata=about(
            "text said first on every call, or @FILE.wav for a recording; empty: none",
            check=check_greeting,
        ),
    )
    call_most_s: int = attrs.field(
        default=7200,
        metadata=about("seconds a call may last once it is up; 0: no limit", 0, _DAY_S * 7),
    )
    url_allow: tuple[str, ...] = attrs.field(
        default=(),
        metadata=about(
            "beginnings of the URLs that a recording may be fetched from and a new call may dial,"
            " separated by |; a path is taken up to a slash; empty: none",
            parse=parse_parts,
            check=check_prefixes,
            show=shown_urls,
        ),
    )
    relay_url: str | None = attrs.field(
        default=None,
        repr=shown_url,
        metadata=about(
            "ws:// or wss:// URL of an application that speaks the messages of ConversationRelay;"
            " it is connected to every call; empty: none",
            check=check_url,
            show=masked_url,
        ),
    )

    # --- What is kept ---
    state_folder: Path | None = attrs.field(
        default=None,
        metadata=about(
            "folder of what outlives the process; empty: the user's state folder",
            check=check_folder_place,
        ),
    )
    record_folder: Path | None = attrs.field(
        default=None,
        metadata=about(
            "folder of recorded calls; empty: recordings in the state folder",
            check=check_folder_place,
        ),
    )
    records_file: Path | Literal["off"] | None = attrs.field(
        default=None,
        metadata=about(
            "file a line of JSON is appended to for each call that ended; empty: calls.jsonl in the"
            " state folder; off: none",
            parse=parse_records,
            check=check_records,
        ),
    )
    log_text: bool = attrs.field(
        default=False, metadata=about("yes or no: what is said may stand in the log")
    )

    # --- Limits ---
    calls_most: int = attrs.field(
        default=1000, metadata=about("calls at once; further ones are refused", 1, 1_000_000)
    )
    cpu_most: float = attrs.field(
        default=0.75,
        metadata=about(
            "of one processor core, above which no new calls are taken; 0: no such limit", 0, 1
        ),
    )
    lateness_most_ms: float = attrs.field(
        default=20.0,
        metadata=about(
            "milliseconds a hundredth of the frames may be late before no new calls are taken; 0:"
            " no such limit",
            0,
            10_000,
        ),
    )
    loop_lag_most_ms: float = attrs.field(
        default=20.0,
        metadata=about(
            "milliseconds the event loop may be late at a tenth of all moments before no new calls"
            " are taken; 0: no such limit",
            0,
            10_000,
        ),
    )
    drain_timeout_s: float = attrs.field(
        default=30.0,
        metadata=about(
            "seconds calls have to end by themselves when the daemon is to leave; 0: they are ended"
            " at once",
            0,
            _DAY_S,
        ),
    )
    utterances_most: int = attrs.field(
        default=256, metadata=about("utterances that may wait in one call", 1, 100_000)
    )
    text_ahead: int = attrs.field(
        default=2000,
        metadata=about(
            "characters of an open utterance that may wait before its author is told to pause",
            1,
            10_000_000,
        ),
    )
    text_ahead_most: int = attrs.field(
        default=20_000,
        metadata=about(
            "characters of an open utterance that may wait before more is refused", 1, 10_000_000
        ),
    )
    requests_per_s: float = attrs.field(
        default=2000.0,
        metadata=about("requests a second each client of the control API may make", 0.1, 1_000_000),
    )
    body_bytes: int = attrs.field(
        default=1_048_576,
        metadata=about("bytes, the largest request the control API takes", 1024, 1 << 30),
    )
    handshakes_in_all: int = attrs.field(
        default=512,
        metadata=about("connections of carriers that may be in handshake at once", 1, 1_000_000),
    )

    # --- Webhooks ---
    webhook_url: str | None = attrs.field(
        default=None,
        repr=shown_url,
        metadata=about(
            "http:// or https:// URL that events are posted to; empty: none",
            check=check_webhook_url,
            show=masked_url,
        ),
    )
    webhook_secret: Secret = attrs.field(
        default=Secret(),
        metadata=about("key that posted events are signed with; never shown", show=hidden),
    )
    webhook_events: tuple[str, ...] = attrs.field(
        default=WEBHOOK_EVENTS,
        metadata=about(
            "names of the events that are posted, separated by commas",
            parse=parse_names,
            check=check_event_names,
        ),
    )
    webhook_key: Secret = attrs.field(
        default=Secret(),
        metadata=about(
            "part of the path at which carriers that sign nothing ask what to do with a call; never"
            " shown; empty: they are not answered",
            check=check_path_key,
            show=hidden,
        ),
    )

    @property
    def media_host(self) -> str:
        """Where carriers dial in, as `net.door_policy` takes it: a host, or a socket's path."""
        media = self.media_listen
        return str(media) if isinstance(media, Path) else media.host


def serve_conflicts(serve: ServeSettings) -> list[str]:
    """Return what is wrong between settings that are right by themselves, one line each."""
    problems = unpaired(serve, "control_tls_cert_file", "control_tls_key_file")
    if serve.webhook_url is not None and not serve.webhook_secret:
        problems.append(
            f"{variable('webhook_url')} is set and {variable('webhook_secret')} is not; set it to a"
            " long random text, which the receiver checks the signatures with"
        )
    control = serve.control_listen
    if isinstance(control, Path) and serve.control_tls_cert_file is not None:
        problems.append(
            f"{variable('control_tls_cert_file')} is set, but {variable('control_listen')} is a"
            " Unix socket, which needs no TLS; leave it out"
        )
    if control == serve.media_listen and (isinstance(control, Path) or control.port):
        problems.append(
            f"{variable('control_listen')}={control}: carriers dial in there"
            f" ({variable('media_listen')}); choose another place"
        )
    if serve.text_ahead_most < serve.text_ahead:
        problems.append(
            f"{variable('text_ahead_most')}={serve.text_ahead_most}: less than"
            f" {variable('text_ahead')}={serve.text_ahead}; raise it or lower the other"
        )
    return problems
