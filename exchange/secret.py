"""Words that open something: shown to nobody, copied freely, written into no pickle."""

from typing import Never, Self
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

HIDDEN = "[redacted]"
KEY_LENGTH_MIN = 16


class Secret(SecretStr):
    """A `SecretStr` that cannot be pickled; its copies, also of `asdict`, are itself."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        del memo
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("expected something to pickle, received a secret: pass where it is kept")


class PrivateUrl(str):
    """An address that may hold a password: drivers take it as it is, its repr shows the host only.

    A copy of it, also of `asdict`, is private too; it cannot be pickled.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown_url(self))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        del memo
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("expected something to pickle, received an address: it may hold a password")


def shown_url(url: str) -> str:
    """Write an address so that it may be shown: scheme and host, the rest left out."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/{HIDDEN}" if parts.scheme else HIDDEN


def secrets_of_url(url: str) -> tuple[str, ...]:
    """Return the parts of an address that are worth hiding: its password, and keys in its path.

    Providers of chain nodes write the key as the last, long part of the path.
    """
    try:
        parts = urlsplit(url)
        password = unquote(parts.password or "")
    except ValueError:
        return ()
    keys = [part for part in parts.path.split("/") if len(part) >= KEY_LENGTH_MIN]
    pairs = [pair.partition("=")[2] for pair in parts.query.split("&")]
    keys += [text for text in pairs if len(text) >= KEY_LENGTH_MIN and "/" not in text]
    return tuple(word for word in (password, *keys) if word)
