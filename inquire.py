"""Answers `whalecopy status|positions|trades|whales|why` from the records of a running stack."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from answers import Answer, answer_positions, answer_trades, answer_why
from embedded.addresses import load_addresses, normalise_database_url
from feed_answers import with_feeds
from second_look import look_again, with_second_look
from status_answer import answer_status
from storage.audit import find_signals
from storage.feed_audit import list_coverage, list_silences
from storage.migrate import check_schema
from storage.port import StorageError, StorageUnavailableError
from storage.postgres import PostgresStore
from storage.view_money import DAY, list_equity, load_overview, load_risk_figures
from storage.view_pnl import PnlBy, count_active, list_pnl
from storage.view_trades import list_position_rows, list_trade_rows, load_trade_detail
from storage.views import TradeFilter
from trading.portfolio import Pnl
from trading.rules import Rules
from trading.types import SignalId
from whale_answers import WhaleRow, answer_whales

ROWS_MAX = 500
TRADES_SHOWN = 50
POINTS_SHOWN = 48
POOL_SIZE = 2


class InquireError(Exception):
    """There is nothing to ask, or no such thing; the message says what to do."""


class Stack(Protocol):
    """Which stack is asked, as the settings name it."""

    @property
    def database_url(self) -> str:
        """Return the database's address, "" for the embedded one."""

    @property
    def home(self) -> Path:
        """Return where an embedded stack left word of its addresses."""

    @property
    def rules(self) -> Rules:
        """Return the numbers in force."""


async def inquire(settings: Stack, command: str, argument: str = "") -> Answer:
    """Answer one command from the records.

    Raises:
        InquireError: no stack runs, its database does not answer, or there is no such signal.
    """
    async with open_records(settings) as store:
        if command == "why":
            return await _why(store, argument, settings.rules)
        return await _answer(store, command)


@asynccontextmanager
async def open_records(settings: Stack) -> AsyncIterator[PostgresStore]:
    """Open the records of a running stack, and tell what goes wrong in a person's words.

    Raises:
        InquireError: no stack runs, or its database does not answer.
    """
    url = _database_of(settings)
    store = PostgresStore(url, settings.rules.risk, pool_size=POOL_SIZE)
    try:
        await check_schema(url)
        yield store
    except StorageUnavailableError as error:
        where = "DATABASE_URL" if settings.database_url else f"the stack of {settings.home}"
        raise InquireError(f"the database of {where} does not answer: {error}") from error
    except StorageError as error:
        raise InquireError(f"the records cannot be read: {error}") from error
    finally:
        await store.close()


async def find_signal(store: PostgresStore, beginning: str) -> SignalId:
    """Return the one signal whose id is, or begins, so.

    Raises:
        InquireError: there is none, or more than one.
    """
    found = await find_signals(store, beginning, limit=2) if beginning else ()
    exact = [signal_id for signal_id in found if signal_id == beginning] or found
    if not exact:
        raise InquireError(
            f"expected the beginning of a signal's id, found none like {beginning!r}"
        )
    if len(exact) > 1:
        raise InquireError(f"more than one signal begins with {beginning!r}: give more of its id")
    return exact[0]


def _database_of(settings: Stack) -> str:
    if settings.database_url:
        try:
            return normalise_database_url(settings.database_url)
        except ValueError as error:
            raise InquireError(f"DATABASE_URL: {error}") from error
    addresses = load_addresses(settings.home)
    if addresses is None:
        raise InquireError(
            f"no stack runs on {settings.home}: start one with `whalecopy up`, "
            "or set WHALECOPY_HOME or DATABASE_URL"
        )
    return addresses.database_url


async def _answer(store: PostgresStore, command: str) -> Answer:
    now = datetime.now(UTC)
    match command:
        case "status":
            figures = await load_risk_figures(store, now)
            curve = await list_equity(store, POINTS_SHOWN, now - DAY)
            overview = await load_overview(store, now)
            status = answer_status(overview, figures, store.rules, now, curve)
            today = await list_coverage(store, now.date())
            return with_feeds(status, today, await list_silences(store))
        case "positions":
            return answer_positions(await list_position_rows(store, ROWS_MAX), now)
        case "trades":
            return answer_trades(await list_trade_rows(store, TradeFilter(TRADES_SHOWN)))
        case "whales":
            return answer_whales(await _whales(store))
        case _:
            raise InquireError(f"expected a question that is known, received {command!r}")


async def _whales(store: PostgresStore) -> list[WhaleRow]:
    followed = sorted(await store.list_followed())[:ROWS_MAX]
    records = [await store.load_whale(wallet) for wallet in followed]
    earned = {line.key: line.pnl for line in await list_pnl(store, PnlBy.WHALE)}
    active = await count_active(store)
    return [
        WhaleRow(
            record,
            earned.get(record.standing.wallet, Pnl()),
            active.get(record.standing.wallet, 0),
        )
        for record in records
        if record is not None
    ]


async def _why(store: PostgresStore, beginning: str, rules: Rules) -> Answer:
    signal_id = await find_signal(store, beginning)
    detail = await load_trade_detail(store, signal_id)
    assert detail is not None, f"expected signal {signal_id} to stay"
    return with_second_look(answer_why(detail), await look_again(store, signal_id, rules))
