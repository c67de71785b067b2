"""SignalWire, simulated: https://developer.signalwire.com/compatibility-api."""

from __future__ import annotations

from trioaudio.simulators.rest._twilio_like import twilio_like

REST = twilio_like("signalwire", "/api/laml", codec=True)
