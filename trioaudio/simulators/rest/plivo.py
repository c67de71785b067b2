"""Plivo, simulated: https://docs.plivo.com/docs/voice/api/calls."""

from __future__ import annotations

from trioaudio.simulators.rest._plivo_like import plivo_like

REST = plivo_like("plivo", signs=True)
