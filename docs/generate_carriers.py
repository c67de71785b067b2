# ruff: noqa: INP001  a script, not a package
"""Write the tables of carriers.md, from the carriers' descriptions, settings and transcripts.

python docs/generate_carriers.py            write them
python docs/generate_carriers.py --check    exit code 1 if they are out of date
"""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from trioaudio.call_control import find_call_control
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.call_control import CallControl
from trioaudio.core.carrier import (
    Acknowledges,
    Carrier,
    CarrierSettings,
    MarksAfterClear,
    Role,
    Transport,
)
from trioaudio.core.encoding import PayloadForm
from trioaudio.core.secret import Secret
from trioaudio.settings import variable

PAGE = Path(__file__).with_name("carriers.md")
TRANSCRIPTS = Path(__file__).parents[1] / "tests/carriers/transcripts"
COMMON = attrs.fields_dict(CarrierSettings)
FORMS = {
    PayloadForm.BINARY: "binary",
    PayloadForm.BASE64: "JSON, base64",
    PayloadForm.NUMBERS: "JSON, numbers",
}
ECHOES = {
    MarksAfterClear.RETURNED: "marks; a clear returns them",
    MarksAfterClear.REPORTED: "marks; a clear says so",
    MarksAfterClear.DROPPED: "marks; a clear drops them",
}


def written(value: object) -> str:
    """Return a setting's default for a table."""
    match value:
        case None | "" | () | Secret():
            return ""
        case bool():
            return "`yes`" if value else "`no`"
        case enum.Enum():
            return f"`{value.value}`"
        case _:
            return f"`{value}`"


def opens(carrier: Carrier) -> str:
    """Say who opens the connection."""
    if carrier.roles == {Role.ANSWER}:
        who = "the carrier: `--listen`"
    else:
        who = "either: `--url` or `--listen`"
    return f"{who}, TCP" if carrier.transport is Transport.AUDIOSOCKET else who


def ends(carrier: Carrier) -> str:
    """Say how a finished call is hung up."""
    if carrier.hangs_up:
        return "a message"
    control = find_call_control(carrier.name)
    return "closing" if control is None or control.hang_up is None else "closing, or REST"


def sizes(carrier: Carrier) -> str:
    """Say how much goes in a message."""
    if carrier.unit.packet_ms is not None:
        return f"{carrier.unit.packet_ms} ms"
    if carrier.settings.frames_per_message == 0:
        return "whole utterances"
    if carrier.unit.smallest > 480:  # more than a frame of G.711
        return f"{carrier.unit.smallest} bytes or more"
    frames = carrier.settings.frames_per_message
    return f"{60 * frames} ms"


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def facts() -> str:
    """Return what each carrier is."""
    rows = (
        (
            f"`{each.name}`",
            opens(each),
            f"{FORMS[each.form]}: {', '.join(kind.value for kind in each.encodings)}",
            ", ".join(f"{rate // 1000}" for rate in each.sample_rates),
            sizes(each),
            "yes" if each.clears else "no",
            "no" if each.acknowledges is Acknowledges.NOTHING else ECHOES[each.marks_after_clear],
            ends(each),
            "only the path" if each.door_check is None else each.door_check.proof,
        )
        for each in map(load_carrier, carrier_names())
    )
    head = (
        *("carrier", "who opens the stream", "audio we send", "kHz", "in a message"),
        *("forgets on a clear", "says what was played", "hung up by", "proof at the door"),
    )
    return table(head, rows)


def webhooks() -> str:
    """Return how each carrier's webhooks are told from a stranger's, and how calls are answered."""
    controls = filter(None, map(find_call_control, carrier_names()))
    rows = ((f"`{each.name}`", webhook_proof(each), webhook_reply(each)) for each in controls)
    return table(("carrier", "proof of a webhook", "a call that comes in is answered by"), rows)


def webhook_proof(control: CallControl) -> str:
    """Say what is checked, and with what."""
    check = control.webhook_check
    if check is None:
        return "a key in the path"
    settings = load_carrier(control.name).settings
    secret = check.missing(settings)
    known = secret in {field.name for field in attrs.fields(type(settings))}
    name = f", with `{variable(f'{control.name}_{secret}')}`" if known else ""
    unsigned = "" if check.always else "; unsigned ones by a key in the path"
    return f"{check.proof}{name}{unsigned}"


def webhook_reply(control: CallControl) -> str:
    """Say how the carrier learns the media URL."""
    return "a command over REST" if control.answer is not None else "the document it asked for"


def certainty() -> str:
    """Return how sure each protocol is, and where it is written."""
    rows = (
        (
            f"[`{name}`]({load_carrier(name).documentation})"
            if load_carrier(name).documentation.startswith("https:")
            else f"`{name}`",
            json.loads((TRANSCRIPTS / f"{name}.json").read_text(encoding="utf-8"))["certainty"],
        )
        for name in carrier_names()
    )
    return table(("carrier", "how sure it is"), rows)


def common() -> str:
    """Return the settings every carrier has."""
    usual = CarrierSettings()
    rows = (
        (
            f"`TRIOAUDIO_<carrier>_{name.upper()}`",
            field.metadata["help"],
            written(getattr(usual, name)),
        )
        for name, field in COMMON.items()
    )
    return table(("setting", "meaning", "usual default"), rows)


def own() -> str:
    """Return what is particular to one carrier: settings of its own, and other defaults."""
    return table(("setting", "meaning", "default"), _own_rows())


def _own_rows() -> Iterator[Sequence[str]]:
    for name in carrier_names():
        settings = load_carrier(name).settings
        for field in attrs.fields(type(settings)):
            default = getattr(settings, field.name)
            usual = COMMON.get(field.name)
            if usual is None or default != getattr(CarrierSettings(), field.name):
                meaning = field.metadata["help"]
                yield (f"`{variable(f'{name}_{field.name}')}`", meaning, written(default))


BLOCKS = {
    "facts": facts,
    "webhooks": webhooks,
    "certainty": certainty,
    "common": common,
    "own": own,
}


def main() -> int:
    """Write or check; return the exit code."""
    page = fresh = PAGE.read_text(encoding="utf-8")
    for name, block in BLOCKS.items():
        start, end = f"<!-- {name}:start -->\n", f"<!-- {name}:end -->"
        before, _, rest = fresh.partition(start)
        _, _, after = rest.partition(end)
        fresh = f"{before}{start}{block()}{end}{after}"
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
