"""The Authorization header of carriers that prove themselves by user and password."""

from __future__ import annotations

import base64


def basic_header(secret: str) -> tuple[tuple[str, str], ...]:
    """Return the header for a secret of the form user:password; none for any other.

    Source: https://www.rfc-editor.org/rfc/rfc7617
    """
    user, colon, _ = secret.partition(":")
    if not user or not colon:
        return ()
    return (("Authorization", f"Basic {base64.b64encode(secret.encode()).decode()}"),)
