"""What can be computed without waiting: no trio, socket, clock, log, randomness or environment."""
