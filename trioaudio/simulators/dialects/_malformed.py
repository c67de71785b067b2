"""What no carrier of the Media Streams family should ever send, and a receiver must survive.

Each message is near enough to a real one to have been sent by some carrier some day: wrong
order, wrong types, members missing, another stream's id, base64 and JSON cut short, numbers
beyond any range. None of them ends the stream or the call if it is read rightly.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from trioaudio.core.carrier import Message
from trioaudio.core.wire_json import JsonObject

_NESTED = 100_000
_HUGE = 10**30


def malformed_messages(
    *, sequence: str, stream: str, stream_id: str, start: JsonObject, audio: bytes
) -> Sequence[Message]:
    """Return the messages.

    `sequence` and `stream` are the carrier's names for those members, `start` is what its start
    message has beside them, and `audio` a little silence in the stream's encoding.
    """
    payload = base64.b64encode(audio).decode()

    def say(event: object, *, of: object = stream_id, at: object = "7", **members: object) -> str:
        return json.dumps({"event": event, sequence: at, stream: of, **members})

    def media(at: object = "7", **changes: object) -> str:
        whole = {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": payload, **changes}
        return say("media", at=at, media={k: v for k, v in whole.items() if v is not None})

    return [
        # Order: what comes once comes again.
        json.dumps({"event": "connected"}),
        say("start", **start),
        # Members missing, or of another type.
        "{}",
        json.dumps({"media": {"payload": payload}}),
        json.dumps({"event": "media"}),
        say("media"),
        say("media", media=payload),
        say("media", media=None),
        say("media", of=17, media={"payload": payload}),
        media(payload=None),
        media(payload=17),
        media(chunk=[], timestamp={}),
        say("mark"),
        say("mark", mark={}),
        say("mark", mark={"name": ["a"]}),
        say("dtmf", dtmf={}),
        say("dtmf", dtmf={"digit": 5}),
        say("dtmf", dtmf={"digit": "five"}),
        # Events nobody knows.
        say("transfer", transfer={"to": "+15550100"}),
        say(5),
        say(None),
        say(["media"], media={"payload": payload}),
        # Audio that is none.
        media(payload=""),
        media(payload="!" + payload[1:]),
        media(payload=payload[:-3]),
        media(payload=base64.b64encode(audio[:1] * 3).decode()),
        media(track="sideways"),
        # Somebody else's.
        say("media", of="MZ00000000000000000000000000000000", media={"payload": payload}),
        say("mark", mark={"name": "never asked for"}),
        # Numbers out of all proportion.
        media(at=str(_HUGE), chunk=str(_HUGE), timestamp="-1"),
        media(at=_HUGE, chunk=-_HUGE, timestamp=1.5),
        media().replace('"timestamp": "0"', '"timestamp": 1e999'),
        media().replace('"timestamp": "0"', '"timestamp": NaN'),
        # No object, no JSON, no text.
        "",
        "hello",
        "null",
        "[]",
        json.dumps([json.loads(media())]),
        json.dumps(media()),
        media()[:-5],
        '{"event":"media","event":"mark"}',
        '{"event":"mark","mark":{"name":"\\ud800"}}',
        "[" * _NESTED,
        audio,
        b"",
    ]
