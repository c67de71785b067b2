"""Messages no carrier should send and some will, broken in ways common to all."""

from __future__ import annotations

from trioaudio.core.carrier import Message


def broken_texts(tag: str) -> list[Message]:
    """Return texts broken as JSON or beyond it; `tag` is the member that says what a message is."""
    return [
        "",
        "{",
        f'{{"{tag}":',
        "null",
        "[]",
        "NaN",
        f'{{"{tag}":NaN}}',
        "[" * 5000,
        "\ufeff{}",
        "{}",
        f'{{"{tag}":null}}',
        f'{{"{tag}":["start"]}}',
        f'{{"{tag}":"no-such-{tag}"}}',
    ]
