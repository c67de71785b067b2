"""Whether a carrier knows our credentials: asked without placing a call, of every simulated one."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from net.rest_sides import ACCOUNT, new_keys, settings_for
from trioaudio.call_control import find_call_control
from trioaudio.core.call_control import CallControl, CallControlError
from trioaudio.core.errors import ConfigError
from trioaudio.net.carrier_rest import RestTiming, open_carrier_rest
from trioaudio.simulators.rest import rest_names
from trioaudio.simulators.rest.desk import RestAccount
from trioaudio.simulators.rest_serving import RestOptions, open_rest

DOCUMENTED = ["exotel", "plivo", "signalwire", "telnyx", "twilio", "vonage"]


def control_of(name: str) -> CallControl:
    control = find_call_control(name)
    assert control is not None
    return control


def _another(folder: Path) -> Path:
    (folder / "another").mkdir()
    return folder / "another"


def test_who_documents_no_such_request_is_known() -> None:
    with_probe = [name for name in rest_names() if control_of(name).probe is not None]
    assert with_probe == DOCUMENTED


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_right_credentials_are_known_and_wrong_ones_are_not(
    name: str, tmp_path: Path
) -> None:
    keys = new_keys(tmp_path)
    account = attrs.evolve(ACCOUNT, public_key=keys.public)
    async with open_rest(RestOptions(name, account=account, dials=False)) as opened:
        settings = settings_for(name, opened.url, keys.file)
        async with open_carrier_rest(control_of(name), settings) as rest:
            await rest.verify()
        assert opened.requests.total() == 1
        assert opened.placed == []
    other = RestAccount("1000001", "another-secret", new_keys(_another(tmp_path)).public)
    async with open_rest(RestOptions(name, account=other, dials=False)) as opened:
        settings = settings_for(name, opened.url, keys.file)
        async with open_carrier_rest(control_of(name), settings) as rest:
            with pytest.raises(CallControlError) as caught:
                await rest.verify()
    assert caught.value.status == 401
    assert "TRIOAUDIO_" in str(caught.value)
    assert ACCOUNT.secret not in str(caught.value)


async def test_an_application_that_is_not_ours_is_told() -> None:
    other = RestAccount("2000002", ACCOUNT.secret)
    async with (
        open_rest(RestOptions("telnyx", account=other, dials=False)) as opened,
        open_carrier_rest(control_of("telnyx"), settings_for("telnyx", opened.url)) as rest,
    ):
        with pytest.raises(CallControlError, match="No such application"):
            await rest.verify()


async def test_a_carrier_without_such_a_request_is_not_asked() -> None:
    async with open_rest(RestOptions("telecmi", dials=False)) as opened:
        settings = settings_for("telecmi", f"{opened.url}")
        async with open_carrier_rest(
            control_of("telecmi"), settings, timing=RestTiming(whole=1)
        ) as rest:
            with pytest.raises(ConfigError, match="documents no way"):
                await rest.verify()
        assert opened.requests.total() == 0
