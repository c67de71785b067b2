"""Simulated far ends, stricter than the real ones; each runs as a process of its own."""
