"""The calls of a daemon: what each is doing, what was heard of it, and who is told."""
