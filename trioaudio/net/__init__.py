"""Sockets: the media socket, the WebSocket over it, the listener and the dialler."""
