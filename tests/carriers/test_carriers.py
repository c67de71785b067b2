import pkgutil

import pytest

from trioaudio import carriers
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.errors import ConfigError


def test_every_file_is_a_carrier() -> None:
    names = carrier_names()
    assert names == sorted(names)
    assert {"raw", "telecmi"} <= set(names)
    files = {module.name for module in pkgutil.iter_modules(carriers.__path__)}
    assert set(names) == {name for name in files if not name.startswith("_")}


def test_a_carrier_is_found_by_name() -> None:
    assert load_carrier("telecmi").name == "telecmi"


def test_a_misspelt_carrier_is_the_operators_error_and_gets_help() -> None:
    with pytest.raises(ConfigError, match="unknown carrier 'telcmi'; did you mean telecmi"):
        load_carrier("telcmi")


@pytest.mark.parametrize("name", ["", ".raw", "raw.x", "__init__", "../raw", "RAW"])
def test_only_a_known_name_is_imported(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown carrier"):
        load_carrier(name)
