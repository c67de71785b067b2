"""Lists of objects in what a service answers: of voices, of models."""

from __future__ import annotations

from typing import cast

from trioaudio.engines._json_message import JsonObject


def objects_in(value: object, name: str) -> list[JsonObject]:
    """Return the objects of a list within an object; what is none is left out."""
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, list):
        return []
    return [cast("JsonObject", each) for each in found if isinstance(each, dict)]
