"""How a carrier's webhooks are told from a stranger's: what the operator set, and what is safe.

Decided before anything is opened, and on the side of refusing: a signature where its secret is set,
else a key in the path, else nobody asks.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from trioaudio.carriers._door_checks import same_text
from trioaudio.core.call_control import CallControl
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UNAUTHORIZED
from trioaudio.core.webhook import WebhookCheck, WebhookRefusedError, WebhookRequest
from trioaudio.net.door_policy import proof_switch
from trioaudio.settings import Settings, variable

SHORTEST_KEY = 16
"""Characters of a key in a path: fewer could be guessed in time."""


@attrs.frozen
class WebhookPolicy:
    """What is checked of a carrier's webhook."""

    check: Callable[[WebhookRequest], None]
    """Raises WebhookRefusedError unless the request is the carrier's."""
    proof: str
    """For people: what the carrier has to show."""
    path: str = attrs.field(repr=False)
    """What the carrier asks, on the listener: with the key, if it needs one."""
    warning: str | None = None
    """One line for the operator."""


def webhook_policy_for(
    control: CallControl,
    carrier_settings: CarrierSettings,
    settings: Settings,
    host: str,
    *,
    key: Secret,
) -> WebhookPolicy:
    """Decide for a listener on `host`; `key` is what the path holds for carriers that sign nothing.

    ConfigError when neither a signature nor a key can be checked, or when carriers are let off
    where others than this machine can reach the listener.
    """
    if key and len(key.get()) < SHORTEST_KEY:
        raise ConfigError(
            f"{variable('webhook_key')}: shorter than {SHORTEST_KEY} characters; it is all that"
            " keeps strangers from beginning calls"
        )
    path = f"/answer/{control.name}"
    signed = control.webhook_check
    missing = None if signed is None else signed.missing(carrier_settings)
    if signed is not None and missing is None:
        with_key = f"{path}/{key.get()}" if key and not signed.always else path
        return WebhookPolicy(_Proof(signed, carrier_settings, key).check, signed.proof, with_key)
    if key:
        proof = _Proof(None, carrier_settings, key)
        return WebhookPolicy(proof.check, "a key in the path", f"{path}/{key.get()}")
    if settings.authentication == "on":
        raise ConfigError(_nothing_to_check(control, signed, missing))
    return WebhookPolicy(
        _Proof(None, carrier_settings, key).check, "nothing", path, proof_switch(settings, host)
    )


def _nothing_to_check(
    control: CallControl, signed: WebhookCheck | None, missing: str | None
) -> str:
    key = f"{variable('webhook_key')} to a long random text, and have it asked at"
    where = f"/answer/{control.name}/<that text>"
    if signed is None:
        return f"{control.name} signs no webhooks, so anybody could ask as it; set {key} {where}"
    return (
        f"{variable(f'{control.name}_{missing}')} is not set, so the {signed.proof} of"
        f" {control.name}'s webhooks cannot be checked; set it, or {key} {where}"
    )


@attrs.frozen
class _Proof:
    """What one carrier's webhooks are held to."""

    signed: WebhookCheck | None
    settings: CarrierSettings
    key: Secret

    def check(self, request: WebhookRequest) -> None:
        """Raise WebhookRefusedError unless a request is the carrier's."""
        knows_key = bool(self.key) and same_text(request.key or "", self.key.get())
        if request.key is not None and not knows_key:
            raise WebhookRefusedError(f"{request.peer} asked with a wrong key in the path")
        if self.signed is None:
            if self.key and not knows_key:
                raise WebhookRefusedError(
                    f"{request.peer} asked without the key in the path", status=UNAUTHORIZED
                )
            return
        try:
            self.signed.check(self.settings, request)
        except WebhookRefusedError as exc:
            # A carrier that does not sign all there is may be known by the key instead.
            unsigned = exc.status == UNAUTHORIZED and not self.signed.always
            if not (unsigned and knows_key):
                raise
