"""Prompts made ahead of time, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import Prepared, PromptView
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, OutputError, TextError, TrioaudioError
from trioaudio.speech.chain import EngineChain


async def make_prompts(
    speech: EngineChain, texts: Sequence[str], choice: VoiceChoice, sample_rate: int
) -> Prepared:
    """Have the first engine make prompts for calls of a sample rate in Hz; RequestError.

    What was made before one that cannot be made stays.
    """
    try:
        speech.check(choice)
        prompts = []
        for text in texts:
            made = await speech.precache(text, choice, sample_rate)
            prompts.append(
                PromptView(
                    prompt=made.digest,
                    made=made.made,
                    audio_ms=round(made.audio_ms, 1),
                    text=text,
                )
            )
    except (ConfigError, TextError) as exc:
        raise RequestError(RequestFault.INVALID, str(exc)) from exc
    except OutputError as exc:
        raise RequestError(RequestFault.UNSUPPORTED, str(exc)) from exc
    except TrioaudioError as exc:
        raise RequestError(RequestFault.ENGINE, str(exc)) from exc
    return Prepared(prompts=prompts)
