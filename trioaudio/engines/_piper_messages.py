"""What the daemon and Piper's worker say to each other.

Framed by `core.child_protocol`; texts are UTF-8. Requests:

    SPEAK     id  JSON: {"text", "speaker": name or null, "skip": sentences not to be spoken}
    CANCEL    id                    queued, it is not spoken; begun, nothing more of it is sent

Replies:

    READY     0   JSON: {"name", "sample_rate", "language": BCP 47, "speakers": [name], "version"}
    AUDIO     id  PCM16 LE mono at that rate, up to 200 ms
    SENTENCE  id                    the AUDIO since the one before was a whole sentence
    DONE      id
    FAILED    id  why it was not spoken; id 0: why the worker cannot start
"""

from __future__ import annotations

SPEAK, CANCEL = 1, 2
READY, AUDIO, SENTENCE, DONE, FAILED = 16, 17, 18, 19, 20
