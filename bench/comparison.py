"""What the contest said, as Markdown: knees, medians, and what must be known besides."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from bench.contest import KNEE_MS, QUIET_FLOOR_MS, Contest, Reading, Scenario
from bench.participants.roster import FLOOR, Participant, Roster
from bench.trial import Trial

CAVEATS = f"""
- *Lateness* is what the far end saw: a frame's arrival, less what the earliest frame of its call
  in the window makes of it. It is the same measure for everybody; none is taken at its word.
- The sender has one core, the far end, a C program, the other; everything is on the loopback
  interface, where the kernel charges the receiver's TCP work to the sender.
- Frames are numbered and made ahead of time, the same audio for all calls: nobody synthesizes
  speech here. The cost of trioaudio and of Pipecat contains taking the audio from whoever speaks,
  framing, and in Twilio's dialect encoding to mu-law and base64; the others send what is encoded
  already.
- `websockets`, `picows` and Node are a few lines that pace and do nothing else: no barge-in, no
  pause, no marks, no reconnecting, no check of who calls, no limits, nothing to look at. Their code
  is in `bench/participants`, each with the reason for its form.
- Pipecat is a framework with more to do than pacing; its pipeline here is the transport alone.
- A virtual machine loses its cores for milliseconds. A round whose floor had a 99th percentile over
  {QUIET_FLOOR_MS:g} ms was repeated up to five times.
""".strip()


def table(rows: list[list[str]]) -> str:
    """Return a table of Markdown, headings first."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def _knee_table(
    contest: Contest, scenarios: list[Scenario], participants: list[Participant]
) -> str:
    climbed = [each for each in scenarios if each.ladder]
    rows = [["who", *(each.title for each in climbed)]]
    for who in participants:
        if who.key != FLOOR:
            knees = [_knee(contest, scenario, who) for scenario in climbed]
            rows.append([who.label, *knees])
    return table(rows)


def _knee(contest: Contest, scenario: Scenario, who: Participant) -> str:
    knee = contest.knees.get((scenario.key, who.key))
    tried = [
        each.legs
        for each in contest.readings
        if each.scenario == scenario.key and each.who == who.key and not each.median
    ]
    if knee is None:
        return f"fewer than {min(tried)}" if tried else ""
    if knee == 0:
        return f"fewer than {min(tried)}" if tried else "0"
    return f"{knee} or more" if tried and knee == max(tried) else str(knee)


HEADINGS = [
    "calls",
    "who",
    "lateness p50 / p99 / p99.9 / max ms",
    "CPU µs/frame",
    "of a core",
    "drift ms",
    "missing / torn / repeated / reordered",
    "memory kB/call",
]


FAULTS: tuple[Callable[[Trial], int], ...] = (
    lambda trial: trial.missing,
    lambda trial: trial.heard.torn,
    lambda trial: trial.heard.repeated,
    lambda trial: trial.heard.reordered,
)


def _row(readings: list[Reading], legs: int, who: Participant, seconds: float) -> list[str] | None:
    mine = [each for each in readings if each.who == who.key and each.legs == legs]
    trials = [each.trial for each in mine if each.trial is not None]
    if not trials:
        return (
            [str(legs), who.label, f"did not run: {mine[0].trouble}", *_NOTHING] if mine else None
        )

    def median(value: Callable[[Trial], float]) -> float:
        return statistics.median(map(value, trials))

    lateness = (
        median(lambda t: t.heard.arrival_ms.p50),
        median(lambda t: t.heard.arrival_ms.p99),
        median(lambda t: t.heard.arrival_ms.p999),
        median(lambda t: t.heard.arrival_ms.max),
    )
    cpu_us = median(lambda t: t.sent.cpu_us_per_frame * t.sent.frames)
    return [
        str(legs),
        who.label,
        " / ".join(f"{value:.2f}" for value in lateness),
        f"{median(lambda t: t.sent.cpu_us_per_frame):.1f}",
        f"{cpu_us / seconds / 1e4:.0f} %",
        f"{median(lambda t: t.heard.drift_ms):+.2f}",
        " / ".join(str(sum(map(count, trials))) for count in FAULTS),
        f"{median(lambda t: t.sent.rss_kb_per_leg):.0f}",
    ]


_NOTHING = ("", "", "", "", "")


def _points_table(
    contest: Contest, scenario: Scenario, participants: list[Participant]
) -> str | None:
    readings = [each for each in contest.readings if each.median and each.scenario == scenario.key]
    found = (
        _row(readings, legs, who, contest.long_s)
        for legs in scenario.points
        for who in participants
    )
    rows = [row for row in found if row is not None]
    return table([HEADINGS, *rows]) if rows else None


def notes(
    contest: Contest, scenarios: Iterable[Scenario], participants: Iterable[Participant]
) -> list[str]:
    """Say what was disturbed, where the far end was the limit, and what did not run."""
    titles = {each.key: each.title for each in scenarios}
    labels = {each.key: each.label for each in participants}
    said = []
    for key, title in titles.items():
        mine = [each for each in contest.readings if each.scenario == key]
        disturbed = sorted({each.legs for each in mine if each.disturbed and each.who == FLOOR})
        if disturbed:
            said.append(
                f"{title}: **disturbed** at {', '.join(map(str, disturbed))} calls: the machine "
                "made even the floor late, five times running"
            )
        busy = {
            (each.legs, labels[each.who])
            for each in mine
            if each.trial is not None and each.trial.heard.is_busy
        }
        if busy:
            named = ", ".join(f"{who} at {legs}" for legs, who in sorted(busy))
            said.append(f"{title}: the far end itself had over 90 % of its core to do with {named}")
        ended = {
            (each.legs, labels[each.who], each.trouble)
            for each in mine
            if each.trial is None and not each.median
        }
        said += [f"{title}: {who} at {legs} calls: {why}" for legs, who, why in sorted(ended)]
    return [*said, *contest.unfinished]


_KNEES = """
The most calls on one core with 99 of 100 frames no more than {limit:g} ms late and none missing,
torn, repeated or reordered; trials of {seconds:g} s, the better of two:
""".strip()


def as_markdown(
    contest: Contest, scenarios: list[Scenario], roster: Roster, machine: dict[str, str]
) -> str:
    """Return the whole section."""
    who = roster.participants
    versions = [f"{each.label}: {each.version}" for each in who if each.version]
    parts = [
        ", ".join(f"{name}: {value}" for name, value in machine.items()) + ".",
        "![lateness and cost of a frame over the number of calls](pictures/capacity.svg)",
    ]
    if any(not each.median for each in contest.readings):
        parts += [
            _KNEES.format(limit=KNEE_MS, seconds=contest.short_s),
            _knee_table(contest, scenarios, who),
        ]
    for scenario in scenarios:
        points = _points_table(contest, scenario, who)
        if points is not None:
            runs = "one run" if contest.runs == 1 else f"medians of {contest.runs} runs"
            parts += [f"**{scenario.title}**, {runs} of {contest.long_s:g} s in turn:", points]
    said = [*notes(contest, scenarios, who), *(f"Left out: {each}" for each in roster.left_out)]
    parts.append("\n".join([*(f"- {each}" for each in [*versions, *said]), CAVEATS]))
    return "\n\n".join(parts) + "\n"
