"""Events posted to whoever the operator names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trioaudio.calls.hub import EventHub
from trioaudio.calls.wall_clock import WallClock
from trioaudio.configuration import Configuration
from trioaudio.core.facts import Tell
from trioaudio.net.event_webhook import WebhookOptions, open_event_webhook
from trioaudio.net.webhook_post import Receiver


@asynccontextmanager
async def posting_events(
    configuration: Configuration, hub: EventHub, tell: Tell, clock: WallClock
) -> AsyncIterator[None]:
    """Post events while the block runs, if anybody is to have them; ConfigError."""
    serve, settings = configuration.serve, configuration.settings
    if serve.webhook_url is None:
        yield
        return
    ca_file = None if settings.tls_ca_file is None else str(settings.tls_ca_file)
    options = WebhookOptions(
        Receiver(serve.webhook_url, serve.webhook_secret, ca_file),
        configuration.places.webhook_spool,
    )
    with hub.subscribed(events=serve.webhook_events) as subscription:
        async with open_event_webhook(options, subscription, tell, wall=clock.now):
            yield
