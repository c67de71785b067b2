"""A configuration at work: its engines and REST interfaces, kept as long as a call needs them.

A reload puts another one in its place for new calls; the old one closes with its last call.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

from trioaudio.call_control import find_call_control
from trioaudio.configuration import Configuration, EnabledCarrier
from trioaudio.core.carrier import Recovery
from trioaudio.core.engine import EngineLoad, TellsLoad, VoiceChoice
from trioaudio.core.errors import ConfigError
from trioaudio.core.facts import Tell
from trioaudio.core.speech import Speaker
from trioaudio.greeting import RecordedGreeting
from trioaudio.line import Line
from trioaudio.line_setup import make_line
from trioaudio.net.carrier_rest import CarrierRest, RestTiming, open_carrier_rest
from trioaudio.net.recording_fetch import RecordingFetch, open_recording_fetch
from trioaudio.net.tls import client_context
from trioaudio.placement import patience_for
from trioaudio.recorded_speech import RecordedSpeech, Recording
from trioaudio.speech.chain import EngineChain
from trioaudio.speech.opening import ChainSetup, open_chain
from trioaudio.speech_setup import prompt_cache, speech_options


@attrs.define(eq=False)
class Works:
    """What new calls are made with, and old ones go on with."""

    configuration: Configuration
    speech: EngineChain
    rests: Mapping[str, CarrierRest]
    """By carrier, where its credentials are set."""
    fetch: RecordingFetch | None
    tls: ssl.SSLContext
    """Verifies whom we dial."""
    calls: int = 0
    """Which use it."""
    _retired: bool = False
    _unused: trio.Event = attrs.field(factory=trio.Event)

    @property
    def choice(self) -> VoiceChoice:
        """The voice and language of whoever asks for none."""
        settings = self.configuration.settings
        return VoiceChoice(settings.voice, settings.language)

    @property
    def greeting(self) -> str | Speaker | None:
        """What is said first on every call."""
        greeting = self.configuration.greeting
        if isinstance(greeting, RecordedGreeting):
            return RecordedSpeech(Recording(greeting.pcm, greeting.sample_rate))
        return greeting

    def engine_loads(self) -> dict[str, EngineLoad]:
        """Return what the engines hold of their services, of those that can tell."""
        return {
            each.name: each.engine.load()
            for each in self.speech.members
            if isinstance(each.engine, TellsLoad)
        }

    def begin(self) -> None:
        """Count a call that uses it."""
        self.calls += 1

    def end(self) -> None:
        """Count one that does not any more."""
        self.calls -= 1
        self._look()

    def retire(self) -> None:
        """Have it closed when no call uses it."""
        self._retired = True
        self._look()

    def _look(self) -> None:
        if self._retired and not self.calls:
            self._unused.set()

    async def wait_unused(self) -> None:
        """Wait until it is retired and no call uses it."""
        await self._unused.wait()

    # --- Lines -----------------------------------------------------------------------

    def line(
        self,
        enabled: EnabledCarrier,
        *,
        sample_rate: int | None,
        recovery: Recovery,
        first_wait: float | None,
        start_gate: float | None,
    ) -> Line:
        """Return what a call is made with; ConfigError if the carrier has no such rate."""
        line = make_line(
            self.configuration.settings,
            enabled.carrier,
            enabled.settings,
            sample_rate=sample_rate or enabled.sample_rate,
            recovery=recovery,
            first_wait=first_wait,
        )
        most = self.configuration.serve.utterances_most
        return attrs.evolve(line, start_gate=start_gate, utterances_ahead=most)

    def enabled(self, name: str | None) -> EnabledCarrier:
        """Return a carrier, the first one unless it is named; ConfigError if it is not enabled."""
        if name is None:
            return self.configuration.first_carrier
        found = self.configuration.carriers.get(name)
        if found is None:
            known = ", ".join(self.configuration.carriers)
            raise ConfigError(f"carrier={name}: not enabled here; these are: {known}")
        return found


@asynccontextmanager
async def open_works(configuration: Configuration, tell: Tell) -> AsyncIterator[Works]:
    """Open engines, REST interfaces and what fetches recordings; ConfigError, EngineError."""
    settings = configuration.settings
    setup = ChainSetup(
        engines=configuration.engines,
        tell=tell,
        options=speech_options(settings),
        cache=prompt_cache(settings),
        sample_rate=settings.sample_rate,
        choice=VoiceChoice(settings.voice, settings.language),
        ca_file=str(settings.tls_ca_file) if settings.tls_ca_file else None,
    )
    # Once, and in a thread: reading the authorities takes 20 ms.
    tls = await trio.to_thread.run_sync(client_context, setup.ca_file)
    async with AsyncExitStack() as stack:
        speech = await stack.enter_async_context(open_chain(setup))
        speech.check(setup.choice)
        rests = {}
        for name, enabled in configuration.carriers.items():
            rest = await _open_rest(stack, enabled, settings.rest_timeout_s, tls)
            if rest is not None:
                rests[name] = rest
        fetch = None
        if configuration.serve.url_allow:
            fetch = await stack.enter_async_context(
                open_recording_fetch(configuration.serve.url_allow, tls_context=tls)
            )
        yield Works(configuration, speech, rests, fetch, tls)


async def _open_rest(
    stack: AsyncExitStack, enabled: EnabledCarrier, whole_s: float, tls: ssl.SSLContext
) -> CarrierRest | None:
    control = find_call_control(enabled.carrier.name)
    if control is None or control.missing(enabled.settings):
        return None
    if not (control.place or control.hang_up or control.transfer):
        return None
    timing = RestTiming(whole=whole_s)
    return await stack.enter_async_context(
        open_carrier_rest(control, enabled.settings, timing=timing, tls_context=tls)
    )


async def keep_works(
    configuration: Configuration,
    tell: Tell,
    task_status: trio.TaskStatus[Works],
) -> None:
    """Have a configuration at work until it is retired and unused.

    Cancelled, it still waits for its calls: leaving one may mean to end a telephone call by REST.
    """
    patience_s = patience_for(configuration.settings.rest_timeout_s)
    async with open_works(configuration, tell) as works:
        task_status.started(works)
        try:
            await works.wait_unused()
        finally:
            works.retire()
            with trio.move_on_after(patience_s, shield=True):
                await works.wait_unused()
