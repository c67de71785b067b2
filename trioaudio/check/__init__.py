"""`trioaudio check`: whether a daemon with these settings would work here, before it has a call."""
