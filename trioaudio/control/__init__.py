"""The control API's server: HTTP, the stream, roles, limits. It reaches the daemon by a `Desk`."""
