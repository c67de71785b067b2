"""The words of whoever knew first why a connection could not be made."""

from __future__ import annotations

import ssl


def cause_words(exc: BaseException) -> str:
    """Return the operating system's or OpenSSL's own words: libraries wrap them, some thrice."""
    while not (isinstance(exc, OSError) and exc.strerror):
        # httpcore leaves only the context of some.
        within = exc.exceptions[0] if isinstance(exc, BaseExceptionGroup) else None
        deeper = within or exc.__cause__ or exc.__context__
        if deeper is None:
            break
        exc = deeper
    match exc:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {exc.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {exc.reason or exc}"
        case OSError():
            return exc.strerror or str(exc) or type(exc).__name__
        case _:
            return str(exc) or type(exc).__name__
