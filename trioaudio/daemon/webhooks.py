"""Which carriers' webhooks are answered, and how they prove themselves."""

from __future__ import annotations

from trioaudio.answering import AnsweredCarrier
from trioaudio.call_control import find_call_control
from trioaudio.core.errors import ConfigError
from trioaudio.daemon.works import Works
from trioaudio.net.webhook_policy import webhook_policy_for


def answered_carriers(works: Works) -> dict[str, AnsweredCarrier]:
    """Return the enabled carriers whose webhooks can be checked; the others' are refused."""
    configuration = works.configuration
    found = {}
    for name, enabled in configuration.carriers.items():
        control = find_call_control(name)
        if control is None or control.read_webhook is None:
            continue
        try:
            policy = webhook_policy_for(
                control,
                enabled.settings,
                configuration.settings,
                configuration.serve.media_host,
                key=configuration.serve.webhook_key,
            )
        except ConfigError:
            continue  # nothing can be checked, so nobody may ask
        found[name] = AnsweredCarrier(
            control,
            enabled.settings,
            enabled.carrier.media_format(enabled.settings, enabled.sample_rate),
            policy,
            works.rests.get(name),
        )
    return found
