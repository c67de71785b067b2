"""Who may ask: bearer tokens with a name and a role, kept as digests in a file."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import attrs
import msgspec
import trio
from msgspec import Meta, Struct

from trioaudio.api.shapes import Role
from trioaudio.core.errors import ConfigError
from trioaudio.state_folder import TOKEN_FILE

TOKENS_FILE: Final = "tokens.json"
PREFIX: Final = "ta_"
"""So that a token is known for one when it turns up where it should not be."""
FIRST_NAME: Final = "first"
_RANKS: Final[dict[Role, int]] = {"read-only": 0, "operator": 1, "admin": 2}
_LOOKED_EVERY_S: Final = 1.0


class StoredToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file holds of a token; not the token."""

    name: Annotated[str, Meta(pattern=r"^[\w.@-]{1,64}$")]
    role: Role
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    created: str
    """ISO 8601, UTC."""


class _Stored(Struct, kw_only=True):
    tokens: list[StoredToken] = []


@attrs.frozen
class Holder:
    """Somebody with a token."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Say whether what needs this role is allowed."""
        return _RANKS[self.role] >= _RANKS[role]


def list_tokens(file: Path) -> list[StoredToken]:
    """Return what is stored, in the order it was added; ConfigError when the file is damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Stored).tokens
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise ConfigError(f"cannot read the tokens in {file}: {exc.strerror}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file} is damaged: {exc}; mend or remove it") from exc


def add_token(file: Path, name: str, role: Role) -> str:
    """Make a token, keep its digest, and return it: it cannot be had again.

    ConfigError when the name is taken or cannot be one, or the file cannot be written.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    _store(file, name, role, token)
    return token


def remove_token(file: Path, name: str) -> None:
    """Forget a token; ConfigError when there is none of that name."""
    stored = list_tokens(file)
    kept = [each for each in stored if each.name != name]
    if len(kept) == len(stored):
        raise ConfigError(f"there is no token named {name!r} in {file}")
    _write(file, kept)


def ensure_first_token(folder: Path) -> Path:
    """Make the folder and, unless there are tokens, one for an admin; return its plain text's file.

    ConfigError when that cannot be written.
    """
    file, plain = folder / TOKENS_FILE, folder / TOKEN_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if list_tokens(file):
            return plain
        token = plain.read_text(encoding="ascii").strip() if plain.exists() else ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot keep tokens in {folder}: {exc}") from exc
    if not token.startswith(PREFIX):
        token = PREFIX + secrets.token_urlsafe(32)
        _write_private(plain, f"{token}\n".encode())
    _store(file, FIRST_NAME, "admin", token)
    return plain


@attrs.define(eq=False)
class TokenBook:
    """Checks tokens against the file's digests, and notices within a second when it changes."""

    file: Path
    on_damage: Callable[[ConfigError], None] = attrs.field(default=lambda _: None)
    """Told when a changed file cannot be read; what was known before is valid until it can."""
    _digests: dict[bytes, Holder] = attrs.field(factory=dict, init=False)
    _seen: tuple[int, int, int] | None = attrs.field(default=None, init=False)
    _look_at: float = attrs.field(default=-1.0, init=False)

    def check(self, token: str) -> Holder | None:
        """Return whose token it is; the time this takes tells nothing about the digests."""
        self._look()
        presented = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found: Holder | None = None
        for digest, holder in self._digests.items():
            if hmac.compare_digest(digest, presented):
                found = holder
        return found

    def knows(self, holder: Holder) -> bool:
        """Say whether a token that was good still is: it may have been revoked."""
        self._look()
        return holder in self._digests.values()

    def _look(self) -> None:
        now = trio.current_time()
        if now < self._look_at:
            return
        self._look_at = now + _LOOKED_EVERY_S
        try:
            status = self.file.stat()
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            seen = (0, 0, 0)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._digests = _by_digest(list_tokens(self.file))
        except ConfigError as exc:
            self.on_damage(exc)


def _by_digest(tokens: Iterable[StoredToken]) -> dict[bytes, Holder]:
    return {bytes.fromhex(each.sha256): Holder(each.name, each.role) for each in tokens}


def _store(file: Path, name: str, role: Role, token: str) -> None:
    stored = list_tokens(file)
    if any(each.name == name for each in stored):
        raise ConfigError(
            f"there is a token named {name!r} already; revoke it or take another name"
        )
    fresh = {
        "name": name,
        "role": role,
        "sha256": hashlib.sha256(token.encode()).hexdigest(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        stored.append(msgspec.convert(fresh, StoredToken))
    except msgspec.ValidationError:
        raise ConfigError(
            f"{name!r} cannot be a token's name: letters, digits and _.@- make one, 64 at most"
        ) from None
    _write(file, stored)


def _write(file: Path, tokens: list[StoredToken]) -> None:
    _write_private(file, msgspec.json.format(msgspec.json.encode(_Stored(tokens=tokens))) + b"\n")


def _write_private(file: Path, content: bytes) -> None:
    """Replace a file at once with one that only its owner reads."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(file)
        except BaseException:
            with suppress(OSError):
                fresh.unlink()
            raise
    except OSError as exc:
        raise ConfigError(f"cannot write {file}: {exc.strerror}") from exc
