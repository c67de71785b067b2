"""Open the engines of a chain, warm them, and keep an eye on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

from trioaudio.core.engine import ChosenEngine, EngineSetup, VoiceChoice
from trioaudio.core.facts import Tell
from trioaudio.lone_error import lone_error
from trioaudio.speech.chain import EngineChain, SpeechOptions
from trioaudio.speech.engine_health import EngineHealth
from trioaudio.speech.member import Member
from trioaudio.speech.prompt_cache import PromptCache
from trioaudio.speech.prompt_shelf import PromptShelf
from trioaudio.speech.voice_levels import VoiceLevels


@attrs.frozen
class ChainSetup:
    """What a chain is opened with."""

    engines: Sequence[ChosenEngine]
    """In order; at least one."""
    tell: Tell
    options: SpeechOptions = SpeechOptions()
    cache: PromptCache | None = None
    sample_rate: int = 8000
    """Hz that most calls will want."""
    choice: VoiceChoice = VoiceChoice()
    """What most utterances will ask for: what is worth warming up for."""
    ca_file: str | None = None


@asynccontextmanager
async def open_chain(setup: ChainSetup) -> AsyncIterator[EngineChain]:
    """Open every engine, in order; they are closed at the end.

    ConfigError, and EngineError or ChildError when an embedded engine cannot start.
    """
    async with AsyncExitStack() as stack:
        members: list[Member] = []
        for chosen in setup.engines:
            engine = await stack.enter_async_context(
                chosen.kind.open(
                    EngineSetup(chosen.settings, setup.tell, setup.sample_rate, setup.ca_file)
                )
            )
            health = EngineHealth(chosen.kind.name, setup.tell, rests=not chosen.kind.embedded)
            members.append(Member(chosen.kind, chosen.settings, engine, health, not members))
        shelf = PromptShelf(setup.cache, setup.tell)
        chain = EngineChain(members, setup.options, shelf, VoiceLevels(setup.options.level))
        chain.warm(setup.choice)
        with lone_error():
            async with trio.open_nursery() as nursery:
                for member in members:
                    nursery.start_soon(member.health.watch, member.try_it)
                if shelf.keeps:
                    nursery.start_soon(shelf.finish_all)
                if shelf.keeps and setup.options.keep_all:
                    nursery.start_soon(shelf.keep_all)
                yield chain
                nursery.cancel_scope.cancel()
