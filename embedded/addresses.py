"""Where the parts of a running stack are, and how their addresses are written."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

FILE_NAME = "addresses.json"
POSTGRES_SCHEMES = ("postgres", "postgresql")
# Parameters of libpq that asyncpg does not know and that change nothing here.
IGNORED_PARAMETERS = frozenset({"channel_binding", "gssencmode"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a stack's parts.

    Attributes:
        database_url: for SQLAlchemy with asyncpg.
        redis_url: for `redis.asyncio.Redis.from_url`.
        temporal_address: host and port.
        temporal_ui_url: for a browser; None when Temporal is not ours.
    """

    database_url: str
    redis_url: str
    temporal_address: str
    temporal_ui_url: str | None


def normalise_database_url(url: str) -> str:
    """Rewrite any usual PostgreSQL address for SQLAlchemy with asyncpg.

    `postgres://`, `postgresql://` and other drivers become `postgresql+asyncpg://`; `sslmode`
    becomes `ssl`, which is asyncpg's name for it.

    Raises:
        ValueError: it is not the address of a PostgreSQL; the message shows no password.
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.partition("+")[0]
    if scheme not in POSTGRES_SCHEMES:
        raise ValueError(f"expected postgresql://..., received {parts.scheme or 'no'} scheme")
    query = [
        ("ssl" if key == "sslmode" else key, text)
        for key, text in parse_qsl(parts.query, keep_blank_values=True)
        if key not in IGNORED_PARAMETERS
    ]
    text = urlencode(query, quote_via=quote, safe="/:")
    # Put together by hand: an address without a host would lose its two slashes.
    return f"postgresql+asyncpg://{parts.netloc}{parts.path}{'?' if text else ''}{text}"


def driver_dsn(database_url: str) -> str:
    """Turn a normalised address into one that asyncpg itself takes."""
    scheme, _, rest = database_url.partition("://")
    head, mark, query = rest.partition("?")
    pairs = [("sslmode" if key == "ssl" else key, text) for key, text in parse_qsl(query)]
    return f"{scheme.partition('+')[0]}://{head}{mark}{urlencode(pairs)}"


def without_password(url: str) -> str:
    """Write an address so that it may be shown: without user, password and parameters."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def save_addresses(home: Path, addresses: Addresses) -> None:
    """Leave word for other processes of this user; the file is replaced whole."""
    path = home / FILE_NAME
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(addresses), file)
    fresh.replace(path)


def load_addresses(home: Path) -> Addresses | None:
    """Read where the stack of a state directory is; None when none runs in good order."""
    try:
        return Addresses(**json.loads((home / FILE_NAME).read_text()))
    except FileNotFoundError:
        return None


def forget_addresses(home: Path) -> None:
    """Take the word back when the stack has stopped."""
    (home / FILE_NAME).unlink(missing_ok=True)
