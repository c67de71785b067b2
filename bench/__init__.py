"""Benchmarks anyone can run; see README.md. Nothing here is part of the installed program."""
