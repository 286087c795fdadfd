"""The way to PostgreSQL: one pool, short transactions, time limits and one tree of errors."""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.port import StorageError, StorageUnavailableError
from storage.statements import Statement, run
from trading.rules import RiskRules
from trading.types import Wallet

POOL_SIZE = 10
STATEMENT_TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10  # a burst waits for a connection rather than failing
WORDS_MAX = 500
_RING = Statement("SELECT pg_notify(:channel, :key)")
_TLS_FILES = ("sslrootcert", "sslcert", "sslkey")
_PASSING = ("08", "53", "57", "40", "55")
"""SQLSTATE classes that a repeat may cure: connection, resources, operator, rollback, locks."""


class Database(Protocol):
    """What every topic of the store needs: a transaction, the breakers' rules, whose books."""

    @property
    def rules(self) -> RiskRules:
        """Return the rules that the breakers obey."""

    @property
    def wallet(self) -> Wallet | None:
        """Return the wallet whose books are asked for; None is all of them."""

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction that commits at its end and rolls back when something is raised."""


def async_url(database_url: str) -> str:
    """Spell an address the way SQLAlchemy's asyncpg dialect wants it.

    `postgres://` and `postgresql://` are taken too, and libpq's `sslmode` becomes `ssl`.
    """
    url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+asyncpg://", database_url)
    return _rename_parameter(url, "sslmode", "ssl")


def plain_url(database_url: str) -> str:
    """Spell an address the way asyncpg itself wants it."""
    url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", database_url)
    return _rename_parameter(url, "ssl", "sslmode")


def open_engine(database_url: str, pool_size: int = POOL_SIZE) -> AsyncEngine:
    """Make a bounded pool that hands out no connection it knows to be lost; nothing connects yet.

    Asking the server before each use would cost three round trips. The driver hears of a server's
    end by itself; what it has not heard yet is unavailable once, and then the pool is made anew.
    """
    engine = create_async_engine(
        async_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        hide_parameters=True,
        async_creator=lambda: connect_database(database_url),
    )
    event.listen(engine.sync_engine, "checkout", _refuse_lost)
    return engine


async def connect_database(database_url: str) -> asyncpg.Connection:
    """Make one connection of the driver; what TLS needs (`sslrootcert`) is in the address.

    Raises:
        StorageError: the server's certificate is not trusted, or one of ours is not there; no
            second try can help.
        OSError: nobody answered, as the driver's own errors say.
    """
    try:
        return await asyncpg.connect(
            plain_url(database_url),
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=STATEMENT_TIMEOUT_S * 2,
            server_settings=server_settings(),
        )
    except FileNotFoundError as error:  # of a socket, too
        _refuse_missing_file(database_url, error)
        raise
    except ssl.SSLCertVerificationError as error:
        raise StorageError(
            "expected PostgreSQL to show a certificate that sslrootcert trusts for its host, "
            f"received another: {error.verify_message}"
        ) from error


def server_settings() -> dict[str, str]:
    """Return what every connection of ours asks of the server."""
    timeout_ms = STATEMENT_TIMEOUT_S * 1000
    return {
        "application_name": "whalecopy",
        "statement_timeout": str(timeout_ms),
        "idle_in_transaction_session_timeout": str(timeout_ms * 2),
        "timezone": "UTC",
    }


async def ring(connection: AsyncConnection, channel: str, key: str) -> None:
    """Tell everybody who listens that something about `key` is committed, at the commit."""
    await run(connection, _RING, channel=channel, key=key)


@asynccontextmanager
async def translated_errors() -> AsyncIterator[None]:
    """Turn the driver's errors into ours.

    Raises:
        StorageUnavailableError: the database could not be reached or gave up; repeat the call.
        StorageError: the database refused, which is a bug or a broken invariant.
    """
    try:
        yield
    except exc.DBAPIError as error:
        if error.connection_invalidated or _is_passing(error.orig):
            raise StorageUnavailableError(_describe(error.orig)) from error
        raise StorageError(_describe(error.orig)) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if _is_passing(error) and not isinstance(error, ValueError):  # ValueError: our argument
            raise StorageUnavailableError(_describe(error)) from error
        raise StorageError(_describe(error)) from error
    except (exc.TimeoutError, TimeoutError, OSError, asyncpg.InternalClientError) as error:
        # The driver's own error is what a connection says that was cut while it was set up.
        raise StorageUnavailableError(_describe(error)) from error


def storable(words: str, length_max: int = WORDS_MAX) -> str:
    """Cut foreign text and spell what PostgreSQL cannot hold: NUL and half surrogate pairs."""
    kept = words[:length_max].replace("\x00", "\\0")
    return kept.encode("utf-8", "backslashreplace").decode("utf-8")


def _refuse_missing_file(database_url: str, error: FileNotFoundError) -> None:
    for name, path in parse_qsl(urlsplit(database_url).query):
        if name in _TLS_FILES and not Path(path).is_file():
            raise StorageError(f"{name}: expected a file {path}, found none") from error


def _refuse_lost(connection: DBAPIConnection, record: object, proxy: object) -> None:
    """Have the pool connect anew instead of handing out a connection whose server is gone."""
    del record, proxy
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError("the server has closed the connection")


def _is_passing(error: BaseException | None) -> bool:
    state = getattr(error, "sqlstate", None)
    return not isinstance(state, str) or state.startswith(_PASSING)


def _describe(error: BaseException | None) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no text'}"


def _rename_parameter(url: str, old: str, new: str) -> str:
    head, mark, query = url.partition("?")
    if not mark:
        return url
    pairs = [(new if name == old else name, text) for name, text in parse_qsl(query)]
    return f"{head}?{urlencode(pairs, safe='/')}"
