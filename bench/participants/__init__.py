"""What else people pace telephone audio with, each by the contract of README.md, "A sender"."""
