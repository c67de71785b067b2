"""The routes that make calls and look at them, and the one that plays what is uploaded."""

from __future__ import annotations

from email.message import Message
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from msgspec.structs import replace

from trioaudio.api.requests import NewCall
from trioaudio.api.views import Accepted, CallView, UtteranceView
from trioaudio.control.command_routes import PLAIN_FAULTS
from trioaudio.control.desk import Upload
from trioaudio.control.operation import Asked, Operation, Outcome
from trioaudio.control.problems import ProblemError
from trioaudio.control.queries import MOST_SAYING, CallsQuery, UploadQuery, choose_calls

WAV_TYPES: Final = frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"})
_DIGITS: Final = 9
PCM_TYPES: Final = frozenset({"audio/l16", "application/octet-stream"})


def shown(view: CallView, asked: Asked) -> CallView:
    """Return a call as the asker may see it."""
    if view.media_url is None or asked.shows_media_urls:
        return view
    return replace(view, media_url=None)


async def _create(asked: Asked) -> Outcome:
    view = await asked.desk.create_call(asked.body, asked.traceparent)
    return Outcome(view, (("Location", f"/v1/calls/{quote(view.call)}"),))


async def _list(asked: Asked) -> Outcome:
    query: CallsQuery = asked.query
    desk = asked.desk
    if query.saying and query.limit > MOST_SAYING:
        raise ProblemError("invalid", f"saying: of at most {MOST_SAYING} calls; lower the limit")
    known = desk.call_ids()
    if query.only is not None:
        only = set(query.only.split(","))
        known = [each for each in known if each in only]
    page, more = await choose_calls(known, desk.call, query)
    if query.saying:
        page = [replace(each, saying=desk.saying(each.call)) for each in page]
    headers: tuple[tuple[str, str], ...] = ()
    if more:
        kept = [pair for pair in parse_qsl(asked.raw_query) if pair[0] != "after"]
        following = urlencode([*kept, ("after", page[-1].call)])
        headers = (("Link", f'<{asked.path}?{following}>; rel="next"'),)
    return Outcome([shown(each, asked) for each in page], headers)


def _look(asked: Asked) -> Outcome:
    return Outcome(shown(asked.desk.call(asked.call), asked))


def _utterances(asked: Asked) -> Outcome:
    return Outcome(asked.desk.utterances(asked.call))


def _utterance(asked: Asked) -> Outcome:
    number = asked.path_values["utterance"]
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        raise ProblemError("not-found", f"{number!r} is no utterance's number")
    return Outcome(asked.desk.utterance(asked.call, int(number)))


async def _play_upload(asked: Asked) -> Outcome:
    query: UploadQuery = asked.query
    upload = Upload(
        audio=asked.body,
        sample_rate=_rate_of(asked.content_type, query),
        interruptible=query.interruptible,
        priority=query.priority,
        then=query.then,
        tail_ms=query.tail_ms,
    )
    if not upload.audio:
        raise ProblemError("invalid", "the recording is empty")
    return Outcome(await asked.desk.play_upload(asked.call, upload))


def _rate_of(content_type: str, query: UploadQuery) -> int | None:
    """Return the sample rate of bare PCM, None for a WAV file; ProblemError 415 or 422."""
    header = Message()
    header["Content-Type"] = content_type
    kind = header.get_content_type() if content_type else ""
    if kind in WAV_TYPES:
        return None
    if kind not in PCM_TYPES:
        raise ProblemError(
            "media-type", "send audio/wav, audio/L16;rate=N, or application/octet-stream"
        )
    if (channels := _number_of(header, "channels")) not in (None, 1):
        raise ProblemError("media-type", f"a recording here is mono; this has {channels} channels")
    told, asked = _number_of(header, "rate"), query.sample_rate
    if told is not None and asked is not None and told != asked:
        raise ProblemError(
            "invalid", f"sample_rate={asked}, but Content-Type says rate={told}; leave one out"
        )
    rate = told if told is not None else asked
    if rate is None:
        raise ProblemError("invalid", "bare PCM needs its sample rate: ?sample_rate=8000")
    if not 8000 <= rate <= 48000:
        raise ProblemError("invalid", f"a sample rate is 8000 to 48000 Hz, not {rate}")
    return rate


def _number_of(header: Message, name: str) -> int | None:
    """Return a parameter of the content type; ProblemError 422 when it is no number."""
    told = header.get_param(name)
    if told is None:
        return None
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < _DIGITS:
        return int(told)
    raise ProblemError("invalid", f"{name} in Content-Type is no number")


_ONE: Final = ("not-found",)

CALL_OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/calls",
        name="create-call",
        summary="Dial a call, or expect one; `Location` names it.",
        guard="operator",
        run=_create,
        status=201,
        reply=CallView,
        form="json",
        body=NewCall,
        faults=("unsupported", "forbidden", "busy", "carrier", "conflict"),
    ),
    Operation(
        method="GET",
        path="/v1/calls",
        name="list-calls",
        summary="List calls, oldest first; `Link` names the next page, if there is one.",
        guard="read-only",
        run=_list,
        reply=list[CallView],
        query=CallsQuery,
    ),
    Operation(
        method="GET",
        path="/v1/calls/{call}",
        name="get-call",
        summary="Look at a call.",
        guard="read-only",
        run=_look,
        reply=CallView,
        faults=_ONE,
    ),
    Operation(
        method="GET",
        path="/v1/calls/{call}/utterances",
        name="list-utterances",
        summary="List a call's utterances, oldest first.",
        guard="read-only",
        run=_utterances,
        reply=list[UtteranceView],
        faults=_ONE,
    ),
    Operation(
        method="GET",
        path="/v1/calls/{call}/utterances/{utterance}",
        name="get-utterance",
        summary="Look at an utterance.",
        guard="read-only",
        run=_utterance,
        reply=UtteranceView,
        faults=_ONE,
    ),
    Operation(
        method="POST",
        path="/v1/calls/{call}/audio",
        name="audio",
        summary="Play a recording: WAV, or bare PCM16 LE mono with its sample rate.",
        guard="operator",
        run=_play_upload,
        status=202,
        reply=Accepted,
        form="audio",
        query=UploadQuery,
        faults=PLAIN_FAULTS,
    ),
)
