"""From a command line and the settings to a plan: everything that can be wrong is found here.

Nothing heavy is imported: a wrong argument is told in a tenth of a second.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from trioaudio.call_control import find_call_control, load_call_control
from trioaudio.core.call_control import CallOrder
from trioaudio.core.carrier import Carrier, CarrierSettings, Role, Transfer
from trioaudio.core.errors import ConfigError, LocalProtocolError, TextError
from trioaudio.core.text import speakable
from trioaudio.net.door_policy import door_policy_for
from trioaudio.plan import FarEndKind, Plan
from trioaudio.players import find_player
from trioaudio.settings import Settings, variable
from trioaudio.settings_loading import Loaded, load_settings
from trioaudio.settings_values import Address, WrongValueError, parse_address

DEFAULT_OUT = Path("trioaudio.wav")
_LISTENING = (FarEndKind.AWAITED, FarEndKind.PLACED)

Warn = Callable[[str, str], None]
"""Takes a line for the user, and what kind it is: warning or note."""


def options_of(given: argparse.Namespace) -> dict[str, object]:
    """Return the settings given as options, None where one was not."""
    return {
        "carrier": given.carrier,
        "engine": given.engine,
        "voice": given.voice,
        "language": given.language,
        "sample_rate": given.rate,
        "lead_ms": given.lead_ms,
        "url": given.url,
        "listen": given.listen,
        "caller_id": given.caller_id,
        "public_url": given.public_url,
        "headers": given.header,
        "log_level": given.log_level,
    }


def make_plan(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path, warn: Warn) -> Plan:
    """Return what is to be done. ConfigError or TextError when that is no sense."""
    loaded = load_settings(environ, cwd, options_of(given))
    for warning in loaded.warnings:
        warn(warning, "warning")
    carrier, own = loaded.carrier, loaded.carrier_settings
    settings = _one_way(given, loaded)
    order = _order(given, settings, carrier)
    far_end = _far_end(settings.url, settings.listen, order)
    if far_end in _LISTENING and settings.listen is not None:
        policy = door_policy_for(carrier, own, settings, settings.listen.host)
        if policy.warning:
            warn(policy.warning, "warning")
    if far_end is FarEndKind.DIALLED and Role.DIAL not in carrier.roles:
        raise ConfigError(
            f"{carrier.name} dials us and cannot be dialled; use --listen, or --carrier raw"
        )
    transfer = _transfer(given, settings, carrier, own, far_end)
    if given.text != "-" and not speakable(given.text):
        raise TextError(
            "there is nothing in --text that can be spoken; give it some words, or - to read"
            " standard input"
        )
    out = _out(given, far_end, warn)
    if given.play:
        find_player()
    return Plan(
        text=None if given.text == "-" else given.text,
        settings=settings,
        carrier=carrier,
        carrier_settings=own,
        far_end=far_end,
        out=out,
        play=given.play,
        report_on_stdout=given.report == "-",
        plain=given.plain,
        transfer=transfer,
        order=order,
    )


def _one_way(given: argparse.Namespace, loaded: Loaded) -> Settings:
    """Let a way to the far end given as an option beat the other one in the environment."""
    if given.listen:
        return attrs.evolve(loaded.settings, url=None)
    if given.url:
        return attrs.evolve(loaded.settings, listen=None)
    return loaded.settings


def _transfer(
    given: argparse.Namespace,
    settings: Settings,
    carrier: Carrier,
    own: CarrierSettings,
    far_end: FarEndKind,
) -> Transfer | None:
    """Return whom the callee is connected to at the end; ConfigError if that cannot be done."""
    if given.transfer_to is None:
        return None
    transfer = Transfer(tuple(given.transfer_to.split(",")), settings.caller_id)
    if carrier.transfers:
        codec = carrier.new_codec(own, carrier.media_format(own, settings.sample_rate))
        try:
            codec.send(transfer)
        except LocalProtocolError as exc:
            raise ConfigError(f"--transfer-to {given.transfer_to}: {exc}") from None
        return transfer
    control = find_call_control(carrier.name)
    if control is None or control.transfer is None:
        raise ConfigError(f"--transfer-to: {carrier.name} has no way to transfer a call")
    if far_end not in _LISTENING:
        raise ConfigError(
            f"--transfer-to: {carrier.name} transfers calls by its REST interface, which a"
            " simulated carrier is not; use --listen, or trioaudio dial"
        )
    if missing := control.missing(own):
        names = ", ".join(variable(f"{carrier.name}_{field}") for field in missing)
        raise ConfigError(
            f"--transfer-to: {carrier.name} transfers calls by its REST interface; set {names}"
        )
    return transfer


def _order(given: argparse.Namespace, settings: Settings, carrier: Carrier) -> CallOrder | None:
    """Return whom to call; None when nobody is to be called."""
    if given.to is None:
        return None
    if Role.ANSWER not in carrier.roles or load_call_control(carrier.name).place is None:
        raise ConfigError(f"carrier={carrier.name}: it places no calls for us")
    if settings.listen is None:
        raise ConfigError("--listen is missing: where shall the carrier dial us?")
    if settings.caller_id is None:
        raise ConfigError("--from is missing: as which number shall the call be placed?")
    answer_at = _answer_at(given.answer_listen)
    return CallOrder(given.to, settings.caller_id, given.answer_url, answer_at)


def _answer_at(text: str | None) -> Address | None:
    """Return where the answer document is to be served."""
    try:
        return None if text is None else parse_address(text)
    except WrongValueError as exc:
        raise ConfigError(f"--answer-listen {text}: {exc}") from None


def _out(given: argparse.Namespace, far_end: FarEndKind, warn: Warn) -> Path | None:
    """Return where the WAV file goes, None for nowhere."""
    if given.no_out:
        return None
    out: Path | None = given.out
    if out is None and far_end is FarEndKind.SIMULATED and _free(DEFAULT_OUT, warn):
        out = DEFAULT_OUT
    if given.play and out is None:
        raise ConfigError("--play needs a WAV file: say where with --out FILE.wav")
    if (
        out is not None
        and given.report is not None
        and out.resolve() == Path(given.report).resolve()
    ):
        raise ConfigError(f"--out and --report are both {out}; give each a file of its own")
    return out


def _far_end(url: str | None, listen: object, order: CallOrder | None) -> FarEndKind:
    if order is not None:
        return FarEndKind.PLACED
    if url and listen:
        raise ConfigError("both a URL to dial and an address to listen on are set; leave one out")
    if url:
        return FarEndKind.DIALLED
    return FarEndKind.AWAITED if listen else FarEndKind.SIMULATED


def _free(path: Path, warn: Warn) -> bool:
    """Say whether a file nobody asked for can be written here without complaint."""
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError
        with tempfile.TemporaryFile(dir=path.parent):
            return True
    except OSError:
        warn(f"{path} cannot be written here; say where with --out", "note")
        return False
