"""Holds our books against the venue's once, and changes nothing: `whalecopy reconcile`."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import aiohttp

from account import AccountError, load_account
from activities.reconcile import Judge, ReconcilePorts
from activities.reconcile_balances import BalanceCheck
from answers import ID_SHOWN, Answer, number, plain, short, table, usd
from exchange.polymarket.account import PolymarketAccount
from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import FeeSchedules
from exchange.polymarket.signing import NoSigner
from exchange.port import ExchangeError
from inquire import InquireError, open_records
from settings import Settings
from storage.postgres import PostgresStore
from trading.reconcile import BookKind, Reading, Subject
from trading.rules import ReconcileRules
from trading.types import Market, OrderHash, TokenId
from venue_file import load_venue

READ_AGAIN_S = 3.0
WORDS_SHOWN = 40
_HEADER = ("WHAT", "OURS", "VENUE", "DIFFERENCE", "USD", "")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at both sides: figures, orders nobody here has sent, trades nobody has booked."""

    readings: Sequence[Reading]
    foreign: Sequence[OrderHash]
    unbooked: Sequence[str]

    def differing(self, rules: ReconcileRules) -> frozenset[Subject]:
        """Return what nothing pending explains."""
        return frozenset(r.subject for r in self.readings if not r.is_explained(rules))


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The last look, and what differed in every look."""

    wallet: str
    read_at: datetime
    look: Look
    differing: frozenset[Subject]
    names: Mapping[str, str]

    @property
    def is_equal(self) -> bool:
        """Tell whether both sides agree on everything."""
        return not (self.differing or self.look.foreign or self.look.unbooked)


class NoMarkets:
    """Asks nobody for markets: a command that only looks writes none down."""

    async def refresh(self, token_id: TokenId) -> Market | None:
        """Return nothing."""
        del token_id
        return None


async def reconcile(settings: Settings) -> Reckoning:
    """Compare cash, every token, open orders and the trades of the last hour.

    What differs is read a second time, for one answer may be stale.

    Raises:
        InquireError: no stack runs, or the venue does not answer.
    """
    async with _opened(settings) as (store, account):
        rules = settings.rules.reconcile
        try:
            look = await _look(store, account, rules)
            differing = look.differing(rules)
            if differing or look.foreign or look.unbooked:
                await asyncio.sleep(READ_AGAIN_S)
                look = await _look(store, account, rules)
                differing &= look.differing(rules)
        except ExchangeError as error:
            raise InquireError(f"the venue does not answer: {error}") from error
        tokens = [r.subject.key for r in look.readings if r.subject.kind is BookKind.TOKEN]
        names = {token_id: await _name(store, TokenId(token_id)) for token_id in tokens}
        return Reckoning(store.wallet or "", datetime.now(UTC), look, differing, names)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[PostgresStore, PolymarketAccount]]:
    async with open_records(settings) as store, aiohttp.ClientSession() as session:
        try:
            trader = load_account(settings)
        except AccountError as error:
            raise InquireError(str(error)) from error
        store.wallet = trader.funder
        endpoints = load_venue(settings.home) or settings.endpoints
        access = VenueAccess(endpoints, session, lambda: datetime.now(UTC))
        gateway = PolymarketGateway(access, trader, NoSigner(trader.user.address))
        yield store, PolymarketAccount(access, trader, gateway, FeeSchedules(access))


async def _look(store: PostgresStore, account: PolymarketAccount, rules: ReconcileRules) -> Look:
    clock = _now
    ports = ReconcilePorts(account, store, store, store)
    check = BalanceCheck(ports, NoMarkets(), Judge(store, rules, clock), rules, clock)
    readings = await check.read(is_full=True)
    listed = await account.fetch_open_orders()
    settled_since = clock() - rules.read_lag
    own = await store.load_own_books(settled_since, listed)
    opened_at = own.opened_at or clock()
    trades = await account.fetch_own_trades(max(clock() - rules.trades_overlap, opened_at))
    trades = [t for t in trades if opened_at <= t.matched_at <= settled_since]
    foreign = await store.list_foreign({*listed, *(trade.order_hash for trade in trades)})
    unbooked = [trade.trade_id for trade in await store.list_news(trades)]
    return Look([*readings, *own.read_orders(listed)], sorted(foreign), sorted(set(unbooked)))


def _now() -> datetime:
    return datetime.now(UTC)


async def _name(store: PostgresStore, token_id: TokenId) -> str:
    market = await store.load_market(token_id)
    if market is None:
        return f"token {token_id[:ID_SHOWN]}…"
    words = plain(f"{market.outcome_of(token_id)} '{market.question}'")
    return words if len(words) <= WORDS_SHOWN else words[: WORDS_SHOWN - 1] + "…"


def answer_reckoning(found: Reckoning) -> Answer:
    """Write what both sides say, and what differs."""
    rows = [_line(found, reading) for reading in found.look.readings]
    rows += [
        (f"order {h[:ID_SHOWN]}…", "-", "foreign", "-", "-", "DIFFERS") for h in found.look.foreign
    ]
    rows += [
        (f"trade {t[:ID_SHOWN]}…", "-", "matched", "-", "-", "DIFFERS") for t in found.look.unbooked
    ]
    verdict = "both sides agree" if found.is_equal else "the books differ"
    text = f"{table(_HEADER, rows, 'nothing to compare')}\n\n{verdict}"
    return Answer(_as_json(found), text)


def _line(found: Reckoning, reading: Reading) -> tuple[str, ...]:
    subject = reading.subject
    match subject.kind:
        case BookKind.CASH:
            name = "cash"
        case BookKind.TOKEN:
            name = found.names.get(subject.key, subject.key[:ID_SHOWN])
        case BookKind.ORDER:
            name = f"order {subject.key[:ID_SHOWN]}…"
    return (
        name,
        short(reading.ours),
        short(reading.theirs),
        short(reading.difference),
        usd(reading.size_usd),
        _verdict(found, reading),
    )


def _verdict(found: Reckoning, reading: Reading) -> str:
    if reading.subject in found.differing:
        return "DIFFERS"
    if abs(reading.difference) > Decimal("0.01"):
        return "pending" if reading.unexplained == 0 else "differed once"
    return ""


def _as_json(found: Reckoning) -> Mapping[str, object]:
    return {
        "wallet": found.wallet,
        "read_at": found.read_at.isoformat(),
        "equal": found.is_equal,
        "figures": [
            {
                "kind": reading.subject.kind.value,
                "key": reading.subject.key,
                "ours": number(reading.ours),
                "venue": number(reading.theirs),
                "difference": number(reading.difference),
                "unexplained": number(reading.unexplained),
                "size_usd": number(reading.size_usd),
                "differs": reading.subject in found.differing,
            }
            for reading in found.look.readings
        ],
        "foreign_orders": list(found.look.foreign),
        "trades_not_on_record": list(found.look.unbooked),
    }
