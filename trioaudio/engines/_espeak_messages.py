"""What the daemon and the embedded voice's worker say to each other.

Framed by `core.child_protocol`; texts are UTF-8. Requests:

    SPEAK   id  voice, NUL, clause        spoken first come, first served
    CANCEL  id                            queued or half spoken; nothing more is made of it
    LIST    0

Replies:

    READY   0   sample rate, library path, data path, version; separated by NUL
    AUDIO   id  PCM16 LE mono at that rate; 20 ms, then up to 200 ms
    WORD    id  three uint32: samples before it, characters before it, its characters
    DONE    id  uint32: samples of silence that belong after it if the speech goes on
    FAILED  id  why eSpeak NG would not speak it; id 0: why the worker cannot start
    DIED    id  how the process that spoke it ended
    VOICES  0   JSON: {"voices": [{name, identifier, languages: [[priority, tag]], gender}],
                "variants": [name]}
"""

from __future__ import annotations

import struct

SPEAK, CANCEL, LIST = 1, 2, 3
READY, AUDIO, WORD, DONE, FAILED, DIED, VOICES = 16, 17, 18, 19, 20, 21, 22

WORD_PAYLOAD = struct.Struct("<III")
DONE_PAYLOAD = struct.Struct("<I")
