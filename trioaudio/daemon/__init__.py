"""`trioaudio serve`: the task tree, and what joins calls, listeners, control and observers."""
