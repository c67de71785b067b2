"""What was asked of the simulated carrier, and what of it is no sense."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.secret import Secret
from trioaudio.core.suggest import did_you_mean
from trioaudio.simulators.arguments import new_parser
from trioaudio.simulators.caller import CallerAudio, caller_audio
from trioaudio.simulators.dialect import CallFacts, DialectKind
from trioaudio.simulators.dialects import load_dialect
from trioaudio.simulators.faults import Faults, read_faults
from trioaudio.simulators.timetable import Timetable, read_keys

# The numbers of people in films: https://www.nationalnanpa.com/
_CALLER = "+12025550100"
_CALLED = "+12025550199"
_NO_ID = "00000000-0000-4000-8000-000000000000"


@attrs.frozen
class Options:
    """All that was asked for."""

    kind: DialectKind
    media: MediaFormat
    pcm: PcmFormat
    own: Mapping[str, str]
    """The carrier's own options."""
    dial: tuple[str, ...]
    listen: tuple[str, int] | None
    url_from_stdin: bool
    calls: int
    call_every: float
    secret: Secret
    lead_ms: int
    jitter_ms: int
    out: Path | None
    audio: CallerAudio | None
    caller_ptime_ms: int
    timetable: Timetable
    tls_ca: Path | None
    headers: tuple[tuple[str, str], ...]
    faults: Faults
    seed: int
    patient: bool
    events: bool
    watch_stdin: bool
    child: bool

    def facts(self, stream_id: str, call_id: str) -> CallFacts:
        """Return what a dialect is told of a call."""
        return CallFacts(
            media=self.media,
            stream_id=stream_id,
            call_id=call_id,
            caller=_CALLER,
            called=_CALLED,
            options=self.own,
            ptime_ms=self.pcm.ptime_ms,
        )

    def url(self, n: int) -> str:
        """Return what the n-th call dials, counted from 1."""
        return self.dial[n - 1] if len(self.dial) > 1 else self.dial[0].replace("{n}", str(n))

    def file(self, n: int) -> Path | None:
        """Return the n-th call's WAV file, counted from 1; None if none is wanted."""
        if self.out is None or self.calls == 1:
            return self.out
        if "{n}" in str(self.out):
            return Path(str(self.out).replace("{n}", str(n)))
        return self.out / f"call-{n}.wav"


def parse(argv: Sequence[str]) -> Options:
    """Read the command line; argparse ends the process with exit code 2 on what is no sense."""
    parser = new_parser(with_help="--help" in argv or "-h" in argv)
    given = parser.parse_args(argv)
    try:
        return _options(given)
    except ConfigError as exc:
        # Without the usage, which would drown the one line that says what is wrong.
        parser.exit(2, f"{parser.prog}: {exc}\n")


def _options(given: argparse.Namespace) -> Options:
    kind = load_dialect(given.carrier)
    media = _media(kind, given.rate, given.encoding)
    pcm = PcmFormat(given.rate, given.ptime_ms)
    faults = read_faults(given.fault)
    dial = tuple(given.dial or ())
    caller_ptime_ms = kind.caller_ptime_ms or pcm.ptime_ms
    options = Options(
        kind=kind,
        media=media,
        pcm=pcm,
        own=_own(kind, given.option),
        dial=dial,
        listen=None if given.listen is None else _address(given.listen),
        url_from_stdin=given.url_from_stdin,
        calls=given.calls or max(1, len(dial)),
        call_every=given.call_every,
        secret=_secret(given.secret_env),
        lead_ms=given.lead_ms,
        jitter_ms=given.jitter_ms,
        out=given.out,
        audio=caller_audio(given.caller, media, caller_ptime_ms),
        caller_ptime_ms=caller_ptime_ms,
        timetable=Timetable(tuple(map(read_keys, given.dtmf)), given.hang_up_after, faults),
        tls_ca=given.tls_ca,
        headers=tuple(_header(each) for each in given.header),
        faults=faults,
        seed=given.seed,
        patient=given.patient,
        events=given.events,
        watch_stdin=given.watch_stdin,
        child=given.child,
    )
    _refuse_nonsense(options)
    return options


def _refuse_nonsense(options: Options) -> None:
    """Raise ConfigError for what cannot be, seen together."""
    name = options.kind.name
    if options.listen is not None and not options.kind.listens:
        raise ConfigError(f"--listen: {name} dials, it does not listen")
    if options.listen is None and not options.kind.dials:
        raise ConfigError(f"{name} is dialled, it does not dial; use --listen")
    if len(options.dial) > 1 and len(options.dial) != options.calls:
        raise ConfigError(
            f"--calls {options.calls}, but --dial is given {len(options.dial)} times;"
            " give it once, with {n} in it where the calls differ, or once for each call"
        )
    if options.out is not None and options.calls > 1:
        if "{n}" not in str(options.out) and options.out.suffix:
            raise ConfigError(f"--out {options.out}: several calls want a folder or a {{n}} in it")
        file = options.file(1)
        assert file is not None
        if not file.parent.is_dir():
            raise ConfigError(f"--out {options.out}: there is no folder {file.parent}")
    options.kind.new(options.facts(_NO_ID, _NO_ID))  # refuses values it does not know


def _media(kind: DialectKind, rate: int, wanted: str | None) -> MediaFormat:
    if rate not in kind.sample_rates:
        rates = " or ".join(map(str, kind.sample_rates))
        raise ConfigError(f"--rate {rate}: {kind.name} has {rates} Hz")
    able = [each for each in kind.encodings if each.carries(rate)]
    if wanted is None:
        if not able:
            raise ConfigError(f"--rate {rate}: {kind.name} has no encoding for it")
        return MediaFormat(able[0], rate)
    if Encoding(wanted) not in able:
        raise ConfigError(
            f"--encoding {wanted}: {kind.name} at {rate} Hz has"
            f" {' or '.join(each.value for each in able) or 'none'}"
        )
    return MediaFormat(Encoding(wanted), rate)


def _own(kind: DialectKind, texts: Sequence[str]) -> Mapping[str, str]:
    own: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--option {text!r}: wanted NAME=VALUE")
        if name not in kind.options:
            suggestion = did_you_mean(name, kind.options) if kind.options else "it has none"
            raise ConfigError(f"--option {name}: {kind.name} knows no such option; {suggestion}")
        own[name] = value
    return own


def _secret(variable: str | None) -> Secret:
    if variable is None:
        return Secret()
    value = os.environ.get(variable, "")
    if not value:
        raise ConfigError(f"--secret-env {variable}: there is no such environment variable")
    return Secret(value)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"--listen {text!r}: wanted HOST:PORT, such as 127.0.0.1:0")
    return host, int(port)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name or not text.isascii() or not text.isprintable():
        raise ConfigError(f"--header {text!r}: wanted 'Name: value'")
    return name, value
