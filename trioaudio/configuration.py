"""All that the daemon is configured with: its settings, its carriers, its engines, its greeting.

Read anew on SIGHUP: `configuration_changes` says what that changes. Every problem is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import attrs

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import Carrier, CarrierSettings, Role, Transport
from trioaudio.core.engine import ChosenEngine
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import MASK
from trioaudio.core.suggest import did_you_mean
from trioaudio.greeting import RecordedGreeting, read_greeting
from trioaudio.net.door_policy import (
    DoorPolicy,
    door_policy_for,
    is_loopback,
    open_door_switch,
    proof_switch,
)
from trioaudio.references import has_reference
from trioaudio.serve_settings import ServeSettings, serve_conflicts
from trioaudio.settings import Settings, conflicts, secret_values, variable
from trioaudio.settings_doubts import doubts_about
from trioaudio.settings_loading import (
    check_engine_names,
    load_engines,
    read_class,
    usual_rate,
    wrong_format,
)
from trioaudio.settings_reading import Reader
from trioaudio.settings_sources import NO_OVERRIDES, Source, find_given, find_sources
from trioaudio.settings_values import Address
from trioaudio.state_places import StatePlaces, state_places

T = TypeVar("T")


@attrs.frozen
class EnabledCarrier:
    """A carrier whose calls are taken or placed."""

    carrier: Carrier
    settings: CarrierSettings
    sample_rate: int
    """Hz of its calls, unless a call wishes for another."""
    door: DoorPolicy | None
    """What is checked of it when it dials a call's URL; None: it never dials us."""


@attrs.frozen
class Configuration:
    """Safe to print: secrets show as ***."""

    settings: Settings
    serve: ServeSettings
    carriers: Mapping[str, EnabledCarrier]
    """By name, the one for new calls first."""
    engines: tuple[ChosenEngine, ...]
    greeting: str | RecordedGreeting | None
    places: StatePlaces
    warnings: tuple[str, ...] = ()

    @property
    def first_carrier(self) -> EnabledCarrier:
        """The carrier of new calls that name none."""
        return next(iter(self.carriers.values()))

    def secrets(self) -> frozenset[str]:
        """Return the plain texts that must not be shown."""
        own = [each.settings for each in self.carriers.values()]
        engines = [each.settings for each in self.engines]
        return secret_values(self.settings, self.serve, *own, *engines)


def load_configuration(
    environ: Mapping[str, str], cwd: Path, overrides: Mapping[str, object] = NO_OVERRIDES
) -> Configuration:
    """Return the daemon's configuration, or raise ConfigError with every problem there is.

    `overrides` are the command line's, by field name; None means not given. Relative paths are
    taken from `cwd`. Reads files and looks up names, so it may block. Nothing is written.
    """
    problems: list[str] = []
    sources = find_sources(environ, cwd, overrides, problems)
    reader = Reader(cwd, problems)
    settings = read_class(Settings(), "", sources, reader, cwd)
    serve = read_class(ServeSettings(), "", sources, reader, cwd)
    check_engine_names(sources, problems)
    warnings = doubts_about(sources, problems)
    if settings is None or serve is None:
        raise ConfigError(*problems)
    readable = not problems  # else the list of engines may be wrong, which has been told
    problems += conflicts(settings) + serve_conflicts(serve)
    warnings += _check_openness(settings, serve, problems)
    carriers = _CarrierSearch(sources, reader, cwd, settings, serve).find()
    engines = None
    if readable:
        engines = _tried(problems, partial(load_engines, settings, environ, cwd, overrides))
    greeting = _tried(problems, partial(read_greeting, serve.greeting, cwd))
    places = _tried(problems, partial(state_places, serve, environ))
    if problems or engines is None or places is None:
        raise ConfigError(*dict.fromkeys(problems))
    if find_given(sources, "sample_rate") is None:
        settings = attrs.evolve(settings, sample_rate=next(iter(carriers.values())).sample_rate)
    return Configuration(settings, serve, carriers, engines, greeting, places, tuple(warnings))


def _tried(problems: list[str], make: Callable[[], T]) -> T | None:
    """Return what is made; None, with its problems noted, when it cannot be."""
    try:
        return make()
    except ConfigError as exc:
        problems += exc.problems
        return None


def door_of(
    carrier: Carrier, own: CarrierSettings, settings: Settings, serve: ServeSettings
) -> DoorPolicy | None:
    """Return what is checked of a carrier at the door; None when it never comes there.

    ConfigError when nothing could be. Where whoever comes is let in, a proof that could be checked
    is checked all the same of who dials a call's own URL.
    """
    if Role.ANSWER not in carrier.roles:
        return None
    proof = carrier.door_check
    if serve.media_auth != "tokens" and proof is not None and proof.missing(own) is not None:
        return DoorPolicy()
    if carrier.transport is Transport.AUDIOSOCKET and settings.tls_cert_file is not None:
        raise ConfigError(
            f"{variable('tls_cert_file')} is set, but {carrier.name} speaks AudioSocket, which has"
            " no TLS; leave one of the two out"
        )
    return attrs.evolve(door_policy_for(carrier, own, settings, serve.media_host), warning=None)


@attrs.frozen
class _CarrierSearch:
    """Finds the carriers that are enabled, with what is wrong of those that were named."""

    sources: list[Source]
    reader: Reader
    cwd: Path
    settings: Settings
    serve: ServeSettings

    def find(self) -> dict[str, EnabledCarrier]:
        """Return them by name; problems go to the reader's."""
        named = self._named()
        others = [] if self.serve.carriers else self._others(named)
        rate_wanted = find_given(self.sources, "sample_rate") is not None
        alone = rate_wanted and len(named) == 1 and not others
        found = [self._enable(name, named=True, insist=alone) for name in named]
        found += [self._enable(name, named=False, insist=False) for name in others]
        return {each.carrier.name: each for each in found if each is not None}

    def _others(self, named: list[str]) -> list[str]:
        """Return the carriers nobody named, the usual one first."""
        names = [name for name in carrier_names() if name not in named]
        return sorted(names, key=lambda name: name != Settings().carrier)

    def _named(self) -> list[str]:
        """Return the carriers the operator named that there are."""
        key, names = "carriers", list(self.serve.carriers)
        if not names and (given := find_given(self.sources, "carrier")) is not None:
            key, names = "carrier", [given[1]]
        known = carrier_names()
        found = find_given(self.sources, key)
        for name in dict.fromkeys(names):
            wrong = None
            if name not in known:
                shown = MASK if found and has_reference(found[0].values[key]) else repr(name)
                wrong = f"unknown carrier {shown}; {did_you_mean(name, known)}"
            elif names.count(name) > 1:
                wrong = f"{name} is named twice; once is enough"
            if wrong is not None and found is not None:
                self.reader.problems.append(found[0].complaint(key, "", wrong))
        return [name for name in dict.fromkeys(names) if name in known]

    def _enable(self, name: str, *, named: bool, insist: bool) -> EnabledCarrier | None:
        """Return a carrier with its settings; None when it cannot be enabled.

        `insist`: TRIOAUDIO_SAMPLE_RATE is meant for this carrier and no other.
        """
        carrier = load_carrier(name)
        own = read_class(carrier.settings, f"{name}_", self.sources, self.reader, self.cwd)
        if own is None:
            return None
        if self.settings.lead_ms is not None:
            own = attrs.evolve(own, lead_ms=self.settings.lead_ms)
        rate = self.settings.sample_rate if insist else usual_rate(self.settings, carrier)
        self.reader.problems.extend(wrong_format(carrier, own, rate))
        try:
            door = door_of(carrier, own, self._as_if_proven(), self.serve)
        except ConfigError as exc:
            if named:
                self.reader.problems.extend(exc.problems)
            return None
        return EnabledCarrier(carrier, own, rate, door)

    def _as_if_proven(self) -> Settings:
        """Return the settings; what is wrong of all carriers alike is told once, elsewhere."""
        if self.settings.authentication == "off":
            return attrs.evolve(self.settings, authentication="forced-off")
        return self.settings


def _check_openness(settings: Settings, serve: ServeSettings, problems: list[str]) -> list[str]:
    """Return warnings about who can get in, or read what goes by; what is unsafe is a problem."""
    warnings = [
        _tried(problems, partial(proof_switch, settings, serve.media_host)),
        _tried(problems, partial(open_door_switch, serve, settings)),
    ]
    control = serve.control_listen
    if (
        isinstance(control, Address)
        and serve.control_tls_cert_file is None
        and not is_loopback(control.host)
    ):
        warnings.append(
            f"{variable('control_listen')}={control}: others than this machine can reach it, and it"
            f" speaks no TLS, so keys and texts can be read on the way; set"
            f" {variable('control_tls_cert_file')}, or put a proxy with TLS in front of it"
        )
    webhook = urlsplit(serve.webhook_url or "")
    if webhook.scheme.lower() == "http" and not is_loopback(webhook.hostname or ""):
        warnings.append(
            f"{variable('webhook_url')} begins with http://, so events can be read on the way; use"
            " https://"
        )
    return [each for each in warnings if each is not None]
