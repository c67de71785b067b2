"""The verbs that ask a running daemon: what a person at a terminal does with the client."""
