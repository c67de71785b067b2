"""One telephone call as the carrier's REST interface knows it."""

from __future__ import annotations

import attrs

from trioaudio.core.call_control import CallControlError
from trioaudio.core.carrier import Transfer
from trioaudio.net.carrier_rest import CarrierRest


@attrs.define(eq=False)
class RestLink:
    """One call's `core.connection.CallControlLink`: ends it once, and knows it by the REST id."""

    rest: CarrierRest
    call_id: str | None = None
    """What the placement was told. It counts more than what the media stream says, which may be
    anybody's who knows the path: the stream's own is tried when the carrier knows no such call."""
    over: bool = False
    """Whether there is nothing to end: it never came about, or has ended."""

    @property
    def transfers(self) -> bool:
        """Whether the carrier can connect the callee to somebody else."""
        return self.rest.control.transfer is not None

    async def hang_up(self, call_id: str | None) -> None:
        """End the telephone call, if that has not been done."""
        for each in [] if self.over else self._known(call_id):
            if await self.rest.hang_up(each):
                break
        self.over = True

    async def transfer(self, call_id: str | None, transfer: Transfer) -> None:
        """Connect the callee to somebody else; from then on the call is not ours to end."""
        await self.rest.transfer(self._known(call_id)[0], transfer)
        self.over = True

    def _known(self, call_id: str | None) -> list[str]:
        """Return the ids the call may have; they can differ where a carrier has several kinds."""
        known = list(dict.fromkeys(each for each in (self.call_id, call_id) if each))
        if not known:
            name = self.rest.control.name
            raise CallControlError(f"{name} has not told the call's id, so it cannot be steered")
        return known
