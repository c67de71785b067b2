"""Where settings come from: defaults, config.toml, conf.d, `.env`, environment, options.

The later ones are stronger. What a value refers to (`${cred:NAME}`) is looked up when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import attrs

from trioaudio.config_file import ConfigFile, read_config_files
from trioaudio.core.errors import ConfigError
from trioaudio.env_file import read_env_file
from trioaudio.references import References
from trioaudio.serve_settings import ServeSettings
from trioaudio.setting_names import field_meant, field_of, toml_key
from trioaudio.settings import PREFIX, Settings, variable

ENV_FILE: Final = "TRIOAUDIO_ENV_FILE"
CONFIG_FILE: Final = "TRIOAUDIO_CONFIG"
"""The variables that name other files."""
NO_OVERRIDES: Final[Mapping[str, object]] = MappingProxyType({})
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NOWHERE: Final = References({})
_NO_SETTINGS: Final = frozenset({ENV_FILE, CONFIG_FILE})
"""Variables of ours that say where settings are."""


@attrs.frozen
class Source:
    """One place settings come from; `values` are by field name, a carrier's by both names."""

    values: Mapping[str, object]
    file: str = ""
    is_options: bool = False
    is_toml: bool = False
    readable_by_all: bool = False
    """Of a file: its mode lets every user read it."""
    names: Mapping[str, str] = _NOTHING
    """What a setting is called here, where that is not what it usually is."""
    misplaced: Mapping[str, str] = _NOTHING
    """Keys of a file that stand where no setting is, by the field they may have been meant for."""
    references: References = _NOWHERE

    def name_of(self, key: str) -> str:
        """Return how the operator knows a setting from here."""
        if key in self.names:
            return self.names[key]
        if self.is_toml:
            return toml_key(key)
        if not self.is_options:
            return variable(key)
        general = attrs.fields_dict(Settings).get(key) or attrs.fields_dict(ServeSettings).get(key)
        option = None if general is None else general.metadata.get("option")
        return str(option or f"--{key.replace('_', '-')}")

    def expanded(self, key: str) -> object:
        """Return a value with what it refers to in its place; ConfigError. Options are literal."""
        raw = self.values[key]
        return raw if self.is_options else self.references.expand(raw)

    def complaint(self, key: str, shown: str, wrong: object) -> str:
        """Return a line naming a setting and where it stands."""
        where = f" (in {self.file})" if self.file else ""
        return f"{self.name_of(key)}{shown}{where}: {wrong}"


def find_sources(
    environ: Mapping[str, str],
    cwd: Path,
    overrides: Mapping[str, object],
    problems: list[str],
    warnings: list[str] | None = None,
) -> list[Source]:
    """Return the sources, the weakest first; what is wrong with a file is noted.

    The usual config.toml may be closed to this user, who has not asked for it: that is a warning
    where there is a list for them, else a problem.
    """
    references = References(environ)
    dotenv = _read_dotenv(environ, cwd, problems)
    chosen = environ.get(CONFIG_FILE) or dotenv.variables.get(CONFIG_FILE, "")
    config = read_config_files(chosen, cwd)
    problems += config.problems
    if warnings is None:
        problems += config.forbidden
    else:
        warnings += [f"not read: {each}" for each in config.forbidden]
    sources = [_of_config(each, references) for each in config.files]
    if dotenv.file:
        values = _ours(dotenv.variables)
        sources.append(Source(values, file=dotenv.file, references=references))
    sources.append(Source(_ours(environ), references=references))
    given = {key: value for key, value in overrides.items() if value is not None}
    sources.append(Source(given, is_options=True))
    return sources


@attrs.frozen
class _Dotenv:
    """What `.env` says; no file, no name."""

    file: str = ""
    variables: Mapping[str, str] = _NOTHING


def _read_dotenv(environ: Mapping[str, str], cwd: Path, problems: list[str]) -> _Dotenv:
    chosen = environ.get(ENV_FILE)
    try:
        path = cwd / Path(chosen or ".env").expanduser()
    except RuntimeError:
        problems.append(f"{ENV_FILE}={chosen}: the home folder is not known; give the whole path")
        return _Dotenv()
    if chosen or _is_file(path):
        try:
            return _Dotenv(path.name, read_env_file(path))
        except ConfigError as exc:
            problems += exc.problems
    return _Dotenv()


def _is_file(path: Path) -> bool:
    """Say whether there is a file; in a folder we may not search there is none for us."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def _ours(variables: Mapping[str, str]) -> dict[str, object]:
    """Return our variables by field name; like the shell's they are upper case."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and name.isupper() and name not in _NO_SETTINGS
    }


def _of_config(config: ConfigFile, references: References) -> Source:
    """Return a file's settings by field name, and its other keys."""
    values: dict[str, object] = {}
    names: dict[str, str] = {}
    misplaced: dict[str, str] = {}
    for key, value in config.values.items():
        field = field_of(key)
        if field is None:
            misplaced[field_meant(key)] = ".".join(key)
        else:
            values[field] = value
            names[field] = ".".join(key)
    return Source(
        values,
        file=str(config.path),
        is_toml=True,
        readable_by_all=config.readable_by_all,
        names=names,
        misplaced=misplaced,
        references=references,
    )


def find_given(sources: Sequence[Source], key: str) -> tuple[Source, str] | None:
    """Return the strongest source of a setting and its text; None when it is the default.

    So it is, too, when what the text refers to cannot be read: reading the setting tells that.
    """
    source = strongest(sources, key)
    if source is None:
        return None
    try:
        value = source.expanded(key)
    except ConfigError:
        return None
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return (source, text) if text else None


def strongest(sources: Sequence[Source], key: str) -> Source | None:
    """Return the source whose word about a setting counts; None when nobody says anything."""
    return next((source for source in reversed(sources) if key in source.values), None)
