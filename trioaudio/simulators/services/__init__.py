"""Simulated speech services: what the cloud ones document, and every way they go wrong."""
