"""What a configuration read anew changes: what new calls follow, and what needs a restart."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, TypeVar

import attrs

from trioaudio.configuration import Configuration, EnabledCarrier, door_of
from trioaudio.core.engine import ChosenEngine
from trioaudio.core.errors import ConfigError
from trioaudio.settings import variable
from trioaudio.state_places import RECORDINGS

RESTART: Final = frozenset(
    {
        # Sockets that are open, and who is let in there.
        "authentication",
        "control_listen",
        "control_tls_cert_file",
        "control_tls_key_file",
        "door_handshakes",
        "door_probe_s",
        "door_refusals",
        "handshakes_in_all",
        "max_message_bytes",
        "media_auth",
        "media_listen",
        "public_url",
        "reuse_port",
        "tls_cert_file",
        "tls_key_file",
        "trusted_proxies",
        # The control API.
        "body_bytes",
        "requests_per_s",
        # Files that are open, and tasks that run.
        "early_ms",
        "log_file",
        "log_file_mb",
        "log_files",
        "log_format",
        "log_text",
        "records_file",
        "state_folder",
        "webhook_events",
        "webhook_key",
        "webhook_secret",
        "webhook_url",
    }
)
"""Settings, by field name, that the running process keeps as they are."""

_OF_ONE_CALL: Final = frozenset({"answer_timeout_s", "listen", "url"})
"""What only a run for one call heeds. `sample_rate` shows in the carriers."""

S = TypeVar("S", bound=attrs.AttrsInstance)


@attrs.frozen
class Changes:
    """What reading the configuration anew came to; names, never values."""

    in_force: Configuration
    """The new configuration as far as the running process can follow it."""
    new_calls: tuple[str, ...]
    """What is different for calls that begin from now on."""
    restart: tuple[str, ...]
    """What stays as it was until the daemon is restarted."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines for the operator about what was not followed."""
        return tuple(
            f"{name} was changed; that takes effect when the daemon is restarted"
            for name in self.restart
        )


def changes(old: Configuration, new: Configuration) -> Changes:
    """Compare what is in force with what was read anew."""
    settings = [*_different(old.settings, new.settings, _OF_ONE_CALL | {"sample_rate"})]
    serve = [*_different(old.serve, new.serve, ())]
    followed = [name for name in (*settings, *serve) if name not in RESTART]
    restart = [name for name in (*settings, *serve) if name in RESTART]
    in_force = attrs.evolve(
        new,
        settings=attrs.evolve(new.settings, **_kept(old.settings)),
        serve=attrs.evolve(new.serve, **_kept(old.serve)),
        places=attrs.evolve(
            old.places,
            recordings=new.serve.record_folder or old.places.state / RECORDINGS,
        ),
    )
    in_force = _with_carriers(in_force)
    told = [variable(name) for name in followed]
    told += _of_carriers(old, in_force)
    told += _of_engines(old.engines, new.engines)
    if old.greeting != new.greeting and "greeting" not in followed:
        told.append(f"{variable('greeting')} (the file)")
    return Changes(in_force, tuple(told), tuple(variable(name) for name in restart))


def _different(old: S, new: S, left_out: Collection[str]) -> Iterator[str]:
    """Name the fields that differ."""
    for field in attrs.fields(type(old)):
        if field.name not in left_out and getattr(old, field.name) != getattr(new, field.name):
            yield field.name


def _kept(old: attrs.AttrsInstance) -> dict[str, Any]:
    """Return the old values of what needs a restart."""
    fields = attrs.fields_dict(type(old))
    return {name: getattr(old, name) for name in RESTART if name in fields}


def _with_carriers(configuration: Configuration) -> Configuration:
    """Return it with the doors the running listener can have.

    A carrier that can be let in only with what needs a restart is left out.
    """
    carriers = {}
    for name, each in configuration.carriers.items():
        try:
            door = door_of(each.carrier, each.settings, configuration.settings, configuration.serve)
        except ConfigError:
            continue
        carriers[name] = attrs.evolve(each, door=door)
    return attrs.evolve(configuration, carriers=carriers)


def _of_carriers(old: Configuration, new: Configuration) -> Iterator[str]:
    for name in sorted(old.carriers.keys() - new.carriers.keys()):
        yield f"carrier {name} is not enabled any more"
    for name in sorted(new.carriers.keys() - old.carriers.keys()):
        yield f"carrier {name} is enabled"
    for name in sorted(old.carriers.keys() & new.carriers.keys()):
        yield from _of_carrier(old.carriers[name], new.carriers[name])


def _of_carrier(old: EnabledCarrier, new: EnabledCarrier) -> Iterator[str]:
    prefix = f"{old.carrier.name}_"
    yield from (variable(prefix + name) for name in _different(old.settings, new.settings, ()))
    if old.sample_rate != new.sample_rate:
        yield f"carrier {old.carrier.name} at {new.sample_rate} Hz"


def _of_engines(old: tuple[ChosenEngine, ...], new: tuple[ChosenEngine, ...]) -> Iterator[str]:
    """Name what differs of engines that stay; the list itself is a setting."""
    before = {each.kind.name: each.settings for each in old}
    for each in new:
        name = each.kind.name
        if name in before:
            fields = _different(before[name], each.settings, ())
            yield from (variable(f"{name}_{field}") for field in fields)
