"""What a person or a program can see of a run: logs, report, live view, recording."""
