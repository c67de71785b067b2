"""Which value every setting of the daemon has, and who said so; no secret among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from trioaudio.carriers import carrier_names
from trioaudio.configuration import Configuration
from trioaudio.core.secret import MASK, masked_url
from trioaudio.engines import engine_names
from trioaudio.references import has_reference
from trioaudio.setting_catalog import (
    Group,
    Setting,
    carrier_group,
    daemon_groups,
    engine_group,
    general_groups,
    plain,
)
from trioaudio.settings_loading import sources_of_engine
from trioaudio.settings_sources import Source, strongest

Shown: TypeAlias = bool | float | str | list[str] | None
OriginKind: TypeAlias = Literal["default", "config", "env-file", "environment", "option", "carrier"]


@attrs.frozen
class Origin:
    """Who said what a setting is."""

    kind: OriginKind
    name: str = ""
    """What it is called there: a key, a variable, an option; of a default: what is empty."""
    file: str = ""

    def __str__(self) -> str:
        """Read as a person would say it."""
        match self.kind:
            case "default":
                return f"default ({self.name} is empty)" if self.name else "default"
            case "carrier":
                return f"carrier {self.name}"
            case _:
                return f"{self.file or self.kind}: {self.name}"


@attrs.frozen
class Effective:
    """A setting as it is in force."""

    setting: Setting
    value: Shown
    origin: Origin

    @property
    def changed(self) -> bool:
        """Say whether it is not the default; of a secret, whether there is one."""
        return self.value != shown(self.setting, self.setting.default, None)


@attrs.frozen
class EffectiveGroup:
    """Those of one heading. What is not in use has only what somebody said."""

    group: Group
    settings: tuple[Effective, ...]
    in_use: bool = True


def effective_groups(
    configuration: Configuration, sources: Sequence[Source], environ: Mapping[str, str]
) -> list[EffectiveGroup]:
    """Return all of them: the general ones, the daemon's, and those of carriers and engines."""
    found = [_group(each, configuration.settings, sources) for each in general_groups()]
    found += [_group(each, configuration.serve, sources) for each in daemon_groups()]
    carriers = configuration.carriers
    for name, enabled in carriers.items():
        found.append(_group(carrier_group(name), enabled.settings, sources))
    for chosen in configuration.engines:
        name = chosen.kind.name
        known = sources_of_engine(name, sources, environ)
        found.append(_group(engine_group(name), chosen.settings, known))
    engines = {each.kind.name for each in configuration.engines}
    others = [carrier_group(name) for name in carrier_names() if name not in carriers]
    others += [engine_group(name) for name in _meant(sources) if name not in engines]
    found += _unused(others, sources)
    return [_told_by_others(each, configuration, sources) for each in found]


def _meant(sources: Sequence[Source]) -> list[str]:
    """Return the engines somebody said something of: importing one takes time."""
    keys = {key for source in sources for key in source.values}
    return [name for name in engine_names() if any(each.startswith(f"{name}_") for each in keys)]


def _group(group: Group, holder: attrs.AttrsInstance, sources: Sequence[Source]) -> EffectiveGroup:
    settings = tuple(
        Effective(
            each,
            shown(each, getattr(holder, each.attribute), strongest(sources, each.field)),
            origin_of(each.field, sources),
        )
        for each in group.settings
    )
    return EffectiveGroup(group, settings)


def _unused(groups: Sequence[Group], sources: Sequence[Source]) -> Iterator[EffectiveGroup]:
    """Yield what somebody said of those that are not in use; it was not read."""
    for group in groups:
        given = [each for each in group.settings if strongest(sources, each.field) is not None]
        settings = tuple(
            Effective(each, _as_written(each, sources), origin_of(each.field, sources))
            for each in given
        )
        if settings:
            yield EffectiveGroup(group, settings, in_use=False)


def _as_written(setting: Setting, sources: Sequence[Source]) -> Shown:
    source = strongest(sources, setting.field)
    assert source is not None
    raw = source.values[setting.field]
    if setting.secret:
        return MASK if raw else ""
    return _without_secrets([str(each) for each in raw] if isinstance(raw, list) else str(raw))


def _told_by_others(
    group: EffectiveGroup, configuration: Configuration, sources: Sequence[Source]
) -> EffectiveGroup:
    """Return it with the origin of what is not said of itself: rates and leads."""
    settings = []
    for each in group.settings:
        origin = each.origin
        if each.setting.field == "sample_rate" and each.changed and origin.kind == "default":
            origin = Origin("carrier", configuration.first_carrier.carrier.name)
        is_lead = group.group.table == "carrier" and each.setting.attribute == "lead_ms"
        if is_lead and group.in_use and configuration.settings.lead_ms is not None:
            origin = origin_of("lead_ms", sources)
        settings.append(attrs.evolve(each, origin=origin))
    return attrs.evolve(group, settings=tuple(settings))


def origin_of(field: str, sources: Sequence[Source]) -> Origin:
    """Return who said what a field is."""
    source = strongest(sources, field)
    if source is None:
        return Origin("default")
    name = source.name_of(field)
    if source.values[field] == "":
        return Origin("default", name, source.file)
    if source.is_options:
        return Origin("option", name)
    if source.is_toml:
        return Origin("config", name, source.file)
    return Origin("env-file" if source.file else "environment", name, source.file)


def shown(setting: Setting, value: object, source: Source | None) -> Shown:
    """Return a value without what is secret in it.

    What refers to a file elsewhere is shown as it was written: what is in the file may be secret.
    """
    raw = None if source is None or source.is_options else source.values[setting.field]
    if setting.secret:
        return plain(value) if value else ""  # both Secret and Header show themselves masked
    if has_reference(raw):
        value = (
            raw if isinstance(raw, str) else tuple(map(str, raw)) if isinstance(raw, list) else MASK
        )
    return _without_secrets(plain(value))


def _without_secrets(value: Shown) -> Shown:
    """Mask what people put into URLs, whatever setting they stand in."""
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return _masked(value) if isinstance(value, str) else value


def _masked(text: str) -> str:
    if "://" not in text:
        return text
    masked = masked_url(text)
    return masked if MASK in masked else text
