"""Twilio, simulated: https://www.twilio.com/docs/voice/api/call-resource."""

from __future__ import annotations

from trioaudio.simulators.rest._twilio_like import twilio_like

REST = twilio_like("twilio", "", codec=False)
