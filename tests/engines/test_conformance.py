"""What every engine must do, found by name; a service is tested against its simulation."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import trio

from engines.listening import DEFAULT, Clauses, EndlessClauses, Recorder, files_of, say
from engines.subjects import (
    CLAUSES,
    KEY,
    KINDS,
    SERVICE_ENGINES,
    SIMULATED,
    SLOW,
    SPEECH,
    TESTABLE,
    Subject,
    letters,
    subject,
)
from trioaudio.core.engine import EngineSettings, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError
from trioaudio.core.pcm import PcmFormat
from trioaudio.engines import engine_names, load_engine
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._status import kind_of
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.service import find_service

UNICODE = (
    *(
        "नमस्ते, आपका ऑर्डर 25 भेज दिया है।",
        "வணக்கம், நன்றி.",
        "你好，世界。",
        "مرحبا بالعالم",
        "שלום עולם",
    ),
    *("Fine 😀👩‍👩‍👧 thanks!", "Café naïve “quoted” – 5 €.", "a‍b‌c", "𝐁𝐨𝐥𝐝"),
)


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """Have a test that takes long for an engine left to the long run."""
    return [pytest.mark.long] if name in SLOW else []


LEISURELY = {"piper": 10, "smallest": 40}
"""So few utterances in an ordinary run: Piper computes, Smallest waits after each clause."""

without_slow = pytest.mark.parametrize(
    "spoken", [pytest.param(name, marks=marks_of(name)) for name in TESTABLE], indirect=True
)
"""A test that only the long run has for slow engines."""


@pytest.fixture(params=TESTABLE)
async def spoken(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with subject(request.param, tmp_path) as opened:
        yield opened


def test_names_are_of_engines_only() -> None:
    assert {"espeak", "tone", "wav", "piper"} <= set(engine_names())
    for name in engine_names():
        assert load_engine(name).name == name
    with pytest.raises(ConfigError, match="did you mean espeak"):
        load_engine("espaek")


def test_every_service_is_simulated() -> None:
    assert SIMULATED == SERVICE_ENGINES


@pytest.mark.parametrize("name", engine_names())
def test_it_describes_itself_and_its_settings(name: str) -> None:
    kind = KINDS[name]
    assert kind.documentation.startswith("https://")
    assert kind.embedded == (name not in SERVICE_ENGINES)
    assert kind.speech or name in CLAUSES
    assert isinstance(kind.settings, EngineSettings)
    for field in attrs.fields(type(kind.settings)):
        assert field.metadata.get("help"), field.name
        value, least = getattr(kind.settings, field.name), field.metadata.get("least")
        if least is not None:
            assert least < field.metadata["most"]
            assert value is None or least <= value <= field.metadata["most"], field.name


async def test_it_knows_its_rates_and_voices_and_tells_no_secret(spoken: Subject) -> None:
    engine = spoken.engine
    assert engine.name == spoken.name
    for wanted in (8000, 16000, 48000):
        rate = engine.sample_rate_for(wanted)
        assert PcmFormat(rate, ptime_ms=1000).frame_samples == rate
        assert engine.sample_rate_for(rate) == rate
    engine.check(DEFAULT)
    engine.check_text(spoken.clause(1), DEFAULT)
    recipe = engine.recipe(DEFAULT)
    assert recipe
    assert recipe == engine.recipe(DEFAULT)
    assert KEY not in f"{recipe}{engine!r}"
    voices = await engine.voices()
    assert voices or spoken.service
    for voice in voices:
        engine.check(VoiceChoice(voice=voice.name))
        assert voice.languages or not (spoken.kind.speech and spoken.kind.embedded)


async def test_all_of_it_is_written_in_order_in_whole_samples(spoken: Subject) -> None:
    text = spoken.clauses(4)
    sink = await say(spoken.engine, *text)
    assert sink.chunks
    assert all(sink.chunks)
    assert len(sink.pcm) % 2 == 0
    assert len(sink.pcm) > 2 * spoken.rate * 0.8
    if spoken.service is not None:
        assert spoken.heard(sink) == letters(text)


@without_slow
async def test_what_is_spoken_is_told_clause_by_clause(spoken: Subject) -> None:
    count = 5
    sink = await say(spoken.engine, *spoken.clauses(count))
    assert sink.spoken == sorted(set(sink.spoken))
    assert sink.spoken[-1] == count
    assert sink.spoken_at[-1] == len(sink.pcm)
    assert all(sink.spoken_at)
    assert sink.spoken_at == sorted(sink.spoken_at)


@without_slow
async def test_words_are_in_order_and_within_text_and_audio(spoken: Subject) -> None:
    text = spoken.clauses(4)
    sink = await say(spoken.engine, *text)
    places = [(word.clause, word.start) for word in sink.words]
    assert places == sorted(set(places))
    for word in sink.words:
        assert 0 <= word.clause < len(text)
        assert 0 <= word.start < word.start + word.length <= len(text[word.clause])
    times = [word.at_ms for word in sink.words]
    assert times == sorted(times)
    assert all(0 <= at <= len(sink.pcm) * 500 / spoken.rate for at in times)


async def test_no_clauses_no_sound(spoken: Subject) -> None:
    sink = await say(spoken.engine)
    assert (sink.chunks, sink.words, sink.spoken) == ([], [], [])


@without_slow
async def test_it_speaks_and_tells_it_while_the_author_still_thinks(spoken: Subject) -> None:
    sink = Recorder()
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            author = EndlessClauses(spoken.clause(1))
            nursery.start_soon(spoken.engine.synthesize, author, sink, DEFAULT, spoken.rate)
            await sink.offered.wait()
            await sink.told.wait()
            nursery.cancel_scope.cancel()
    assert sink.spoken == [1]
    assert sink.spoken_at == [len(sink.pcm)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=marks_of(name)) for name in TESTABLE if name in SPEECH]
)
async def test_any_script_is_spoken_or_read_over(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as spoken:
        sink = await say(spoken.engine, *UNICODE)
        assert sink.spoken[-1] == len(UNICODE)
        assert len(sink.pcm) > 2 * spoken.rate


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 6 if name in LEISURELY else 20) for name in TESTABLE if name not in SLOW),
        *(pytest.param(name, 60, marks=pytest.mark.long) for name in TESTABLE),
    ],
)
async def test_a_long_text_is_spoken_to_its_end(name: str, count: int, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as spoken:
        text = spoken.clauses(count)
        sink = await say(spoken.engine, *text)
        assert sink.spoken[-1] == len(text)
        if spoken.service is not None:
            assert spoken.heard(sink) == letters(text)


async def test_cancelled_it_stops_within_one_chunk_and_at_once(spoken: Subject) -> None:
    for _ in range(3):
        sink = Recorder(closed=True)
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                clauses = Clauses(*spoken.clauses(20))
                nursery.start_soon(spoken.engine.synthesize, clauses, sink, DEFAULT, spoken.rate)
                await sink.offered.wait()
                began = trio.current_time()
                nursery.cancel_scope.cancel()
        assert trio.current_time() - began < 0.3
        sink.gate.set()
        alone = await say(spoken.engine, spoken.clause(2))
        assert spoken.same([spoken.clause(2)], alone, alone)
        assert len(sink.chunks) <= 1


@without_slow
async def test_cancelled_before_any_sound_it_stops_at_once_too(spoken: Subject) -> None:
    with trio.fail_after(10):
        for delay in (0, 0.001, 0.01):
            with trio.move_on_after(delay):
                async with trio.open_nursery() as nursery:
                    for n in range(10):
                        clauses = Clauses(spoken.clause(n))
                        nursery.start_soon(
                            spoken.engine.synthesize, clauses, Recorder(), DEFAULT, spoken.rate
                        )
        sink = await say(spoken.engine, spoken.clause(3))
    assert spoken.same([spoken.clause(3)], sink, sink)


@without_slow
async def test_a_slow_sink_holds_its_text_back_and_nobody_else(spoken: Subject) -> None:
    sink = Recorder(closed=True)
    clauses = Clauses(*[spoken.clause(3)] * 200)
    clause_bytes = len((await say(spoken.engine, spoken.clause(3))).pcm)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spoken.engine.synthesize, clauses, sink, DEFAULT, spoken.rate)
            await sink.offered.wait()
            for n in range(5):
                await say(spoken.engine, spoken.clause(n))
            taken = clauses.taken
            held = sum(each.unwritten_bytes for each in inboxes())
            assert held <= taken * clause_bytes * 1.5
            assert held <= max(10 * 2 * spoken.rate, 3 * clause_bytes)  # ten seconds
            assert taken < 40
            nursery.cancel_scope.cancel()


def inboxes() -> list[Inbox]:
    gc.collect()
    return [each for each in gc.get_objects() if type(each) is Inbox]


@without_slow
async def test_many_at_once_are_never_mixed(spoken: Subject) -> None:
    count = 4 if spoken.slow else 12
    texts = [spoken.clauses(1 + n % 3, first=n) for n in range(count)]
    alone = [await say(spoken.engine, *text) for text in texts]
    together = [Recorder() for _ in texts]
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for text, sink in zip(texts, together, strict=True):
                clauses = Clauses(*text)
                nursery.start_soon(spoken.engine.synthesize, clauses, sink, DEFAULT, spoken.rate)
    for text, sink, reference in zip(texts, together, alone, strict=True):
        assert spoken.same(text, sink, reference)
        assert sink.spoken[-1] == len(text)


@pytest.mark.parametrize("name", ["espeak", "piper"])
async def test_unknown_choices_are_the_operators_error(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as spoken:
        engine = spoken.engine
        for choice in (VoiceChoice(voice="no such voice"), VoiceChoice(language="xx-none")):
            with pytest.raises(ConfigError):
                engine.check(choice)
            with pytest.raises(ConfigError):
                await engine.synthesize(Clauses("Hello."), Recorder(), choice, spoken.rate)


# --- Services -----------------------------------------------------------------------------

STATUSES = (401, 402, 429, 500)
WITHOUT_STATUS = ("deepgram", "rime", "wyoming")
"""Once connected, they tell in words what is wrong, and in no number."""


def refusals() -> list[tuple[str, str, int]]:
    return [
        (name, each.name, status)
        for name in SIMULATED
        for each in (fault.UPGRADE_STATUS, fault.REFUSE)
        if each in find_service(name).faults
        for status in STATUSES
    ]


@pytest.mark.parametrize(("name", "kind", "status"), refusals())
async def test_a_refusal_ends_the_utterance_with_its_kind(
    name: str, kind: str, status: int, tmp_path: Path
) -> None:
    async with subject(name, tmp_path, f"{kind}={status}") as spoken:
        sink = Recorder()
        with trio.fail_after(20), pytest.raises(EngineError) as caught:
            await spoken.engine.synthesize(Clauses("Hello."), sink, DEFAULT, spoken.rate)
    assert sink.chunks == []
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    if name not in WITHOUT_STATUS or kind == fault.UPGRADE_STATUS.name:
        assert caught.value.kind is kind_of(status)
        assert caught.value.retryable == (status in (429, 500))


def struck_by(*kinds: fault.FaultKind) -> list[tuple[str, str]]:
    return [
        (name, each.name)
        for name in SIMULATED
        for each in kinds
        if each in find_service(name).faults
        # The body of an answer that ends in good order is a whole one.
        and not (name == "openai" and each is fault.CLOSE)
    ]


@pytest.mark.parametrize(("name", "kind"), struck_by(fault.FAIL, fault.RESET, fault.CLOSE))
async def test_speech_that_breaks_off_ends_with_an_error_after_what_came(
    name: str, kind: str, tmp_path: Path
) -> None:
    async with subject(name, tmp_path, f"{kind}=300") as spoken:
        sink = Recorder()
        with trio.fail_after(20), pytest.raises(EngineError):
            await spoken.engine.synthesize(
                Clauses("Hello, this is long enough."), sink, DEFAULT, spoken.rate
            )
        heard = spoken.heard(sink)
    assert "HELLO,THISISLONGENOUGH.".startswith(heard)
    assert sink.spoken == []


@pytest.mark.parametrize(("name", "kind"), struck_by(fault.RESET, fault.CLOSE))
async def test_a_connection_that_dies_before_any_sound_is_replaced(
    name: str, kind: str, tmp_path: Path
) -> None:
    async with subject(name, tmp_path, f"{kind}=0@#1") as spoken:
        sink = await say(spoken.engine, "Hello.")
        assert spoken.heard(sink) == "HELLO."


@pytest.mark.parametrize(("name", "kind"), struck_by(fault.ODD_CHUNKS, fault.CHUNK_BYTES))
async def test_chunks_cut_anywhere_are_the_same_sound(name: str, kind: str, tmp_path: Path) -> None:
    value = "=333" if kind == fault.CHUNK_BYTES.name else ""
    async with subject(name, tmp_path, f"{kind}{value}") as spoken:
        assert spoken.heard(await say(spoken.engine, "Hello, you.", "Bye.")) == "HELLO,YOU.BYE."


@pytest.mark.parametrize(("name", "kind"), struck_by(fault.SILENT, fault.STALL))
async def test_a_service_that_says_nothing_can_be_left(
    name: str, kind: str, tmp_path: Path
) -> None:
    async with subject(name, tmp_path, f"{kind}@#1") as spoken:
        began = trio.current_time()
        with trio.move_on_after(0.3) as patience:
            await spoken.engine.synthesize(
                Clauses("Hello, this is long enough."), Recorder(), DEFAULT, spoken.rate
            )
        assert patience.cancelled_caught
        assert trio.current_time() - began < 0.8
        assert spoken.heard(await say(spoken.engine, "Hello.")) == "HELLO."


# --- Nothing is left ----------------------------------------------------------------------


@attrs.frozen
class Held:
    """What a process holds."""

    tasks: int
    files: int
    inboxes: int
    resident_bytes: int

    def no_more_than(self, before: Held, *, connections: int) -> bool:
        """Say whether nothing is left of what was said, but so many connections, at both ends."""
        return (
            self.inboxes == 0
            and self.tasks <= before.tasks + 8 * connections
            # The pipes of the embedded voice's next speaker are there already, or not yet.
            and self.files <= before.files + 2 + 2 * connections
            and self.resident_bytes < before.resident_bytes + (16 << 20)
        )


def held() -> Held:
    resident_pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return Held(
        tasks=len(_tasks()),
        files=len(files_of(os.getpid())),
        inboxes=len(inboxes()),
        resident_bytes=resident_pages * os.sysconf("SC_PAGE_SIZE"),
    )


def _tasks() -> list[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    found = [root]
    for task in found:
        found.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
    return found


async def speak_many(spoken: Subject, count: int, at_once: int) -> None:
    """Speak so many short utterances, some of them cancelled."""
    text = spoken.clause(0)

    async def speak(numbers: range) -> None:
        for n in numbers:
            if n % 10 == 9:
                with trio.move_on_after(0.002):
                    await spoken.engine.synthesize(Clauses(text), Recorder(), DEFAULT, spoken.rate)
            else:
                sink = await say(spoken.engine, text)
                assert sink.spoken == [1]

    async with trio.open_nursery() as nursery:
        for first in range(at_once):
            nursery.start_soon(speak, range(first, count, at_once))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, LEISURELY.get(name, 100)) for name in TESTABLE),
        *(pytest.param(name, 1000, marks=pytest.mark.long) for name in TESTABLE),
    ],
)
async def test_nothing_is_left_after_many_utterances(name: str, count: int, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as spoken:
        # Services keep connections for the next text, and close some in their own time.
        connections = 4 if spoken.service else 0
        await speak_many(spoken, min(count // 2, 100), at_once=4)
        before = held()
        await speak_many(spoken, count, at_once=4)
        after = held()
        for _ in range(20):
            if after.no_more_than(before, connections=connections):
                break
            await trio.sleep(0.1)
            after = held()
        assert after.no_more_than(before, connections=connections), (before, after)
