"""The messages of the control API, version 1: what its server and its clients both know."""
