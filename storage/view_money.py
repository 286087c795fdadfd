"""Shows our money, what counts against the limits, and how signals ended; nothing is changed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import Account, load_account
from storage.audit import count_signals, measure_latency
from storage.breakers import HaltScope
from storage.database import Database
from storage.guard import load_all_standing
from storage.kills import load_kills
from storage.tables import halts, whales
from storage.throttles import MINUTE
from storage.views import (
    HaltRow,
    Latency,
    LimitUse,
    Money,
    Overview,
    RiskFigures,
    Tally,
    WhaleLabel,
)
from trading.portfolio import EquityPoint, drawdown_of
from trading.types import ZERO, Usd, Wallet

DAY = timedelta(days=1)
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
WHALES_MAX = 100
USES_MAX = 500

_WALLET = text(
    """
    SELECT coalesce(
        (SELECT wallet FROM leases ORDER BY expires_at DESC, wallet LIMIT 1),
        (SELECT wallet FROM ledger ORDER BY entry_id DESC LIMIT 1)
    )
    """
)
_RESULTS = text(
    """
    SELECT
        coalesce(sum(realised_pnl), 0) AS realised_pnl,
        coalesce(sum(fees), 0) AS fees,
        coalesce(sum(settled_size * coalesce(payout, current_price) - settled_cost), 0)
            AS unrealised_pnl,
        count(*) FILTER (WHERE status NOT IN ('CLOSED', 'REDEEMED')) AS positions_open,
        (SELECT count(*) FROM orders
         WHERE user_address = :wallet AND NOT is_done) AS orders_in_flight,
        (SELECT count(*) FROM reviews WHERE resolved_at IS NULL) AS reviews_open,
        (SELECT coalesce(sum(pnl), 0) FROM daily_pnl
         WHERE wallet = :wallet AND day = :today) AS pnl_today,
        (SELECT coalesce(max(pnl_peak), 0) FROM equity WHERE wallet = :wallet) AS pnl_peak
    FROM positions WHERE user_address = :wallet
    """
)
_USES = text(
    """
    SELECT l.scope, l.key, l.used, CASE l.scope
        WHEN 'WALLET' THEN 'all positions'
        WHEN 'WHALE' THEN coalesce(nullif(w.pseudonym, ''), l.key)
        WHEN 'MARKET' THEN coalesce(nullif(m.question, ''), l.key)
        ELSE coalesce(t.outcome || ', ' || h.question, l.key) END AS label
    FROM limits AS l
    LEFT JOIN whales AS w ON l.scope = 'WHALE' AND w.address = l.key
    LEFT JOIN markets AS m ON l.scope = 'MARKET' AND m.condition_id = l.key
    LEFT JOIN positions AS p ON l.scope = 'POSITION' AND p.position_id = l.key
    LEFT JOIN tokens AS t ON t.token_id = p.token_id
    LEFT JOIN markets AS h ON h.condition_id = p.condition_id
    WHERE l.wallet = :wallet AND (l.used > 0 OR l.scope = 'WALLET')
    ORDER BY l.used DESC, l.scope, l.key
    LIMIT :most
    """
)
_ENTRIES = text(
    """
    WITH recent AS (
        SELECT token_id, cost_max FROM intents
        WHERE maker = :wallet AND side = 'BUY' AND created_at > :minute_ago
    )
    SELECT
        (SELECT count(*) FROM orders WHERE user_address = :wallet AND side = 'BUY' AND status IN
         ('PREPARED', 'SENDING', 'UNKNOWN', 'DELAYED', 'LIVE', 'PARTIAL')) AS open_orders,
        (SELECT count(*) FROM recent) AS orders,
        (SELECT coalesce(sum(cost_max), 0) FROM recent) AS notional,
        (SELECT coalesce(max(n), 0) FROM
            (SELECT count(*) AS n FROM recent GROUP BY token_id) AS per_token) AS orders_token,
        (SELECT coalesce(sum(losses_in_row), 0) FROM breakers WHERE wallet = :wallet) AS losses,
        (SELECT max(paused_until) FROM breakers WHERE wallet = :wallet) AS paused_until
    """
)
_CURVE = text(
    """
    SELECT DISTINCT ON (slot) timestamp, cash, bid_value, deposits
    FROM (
        SELECT *, ntile(:most) OVER (ORDER BY timestamp, equity_id) AS slot
        FROM equity WHERE wallet = :wallet AND timestamp >= :since
    ) AS sliced
    ORDER BY slot, timestamp DESC, equity_id DESC
    """
)


async def load_overview(db: Database, now: datetime) -> Overview:
    """Return money, counts of the last day and who is followed.

    Without a wallet of its own a store shows that of the newest lease, else of the newest entry
    in the ledger.
    """
    tally = await _load_tally(db, now)
    async with db.transaction() as connection:
        wallet = await find_wallet(connection, db)
        account = await load_account(connection, wallet)
        question = {"wallet": wallet, "today": now.astimezone(UTC).date()}
        results = (await connection.execute(_RESULTS, question)).mappings().one()
        followed = await _load_followed(connection)
    return Overview(
        wallet=wallet or None,
        money=_money(account, results),
        tally=tally,
        positions_open=results["positions_open"],
        orders_in_flight=results["orders_in_flight"],
        whales=followed,
        reviews_open=results["reviews_open"],
    )


async def load_risk_figures(db: Database, now: datetime) -> RiskFigures:
    """Return what counts against each limit and each breaker now."""
    async with db.transaction() as connection:
        wallet = await find_wallet(connection, db)
        uses = await connection.execute(_USES, {"wallet": wallet, "most": USES_MAX})
        question = {"wallet": wallet, "minute_ago": now - MINUTE}
        entries = (await connection.execute(_ENTRIES, question)).mappings().one()
        return RiskFigures(
            uses=[LimitUse(u["scope"], u["key"], u["label"], u["used"]) for u in uses.mappings()],
            open_orders=entries["open_orders"],
            orders_last_min=entries["orders"],
            orders_last_min_token=entries["orders_token"],
            notional_last_min=Usd(entries["notional"]),
            losses_in_row=entries["losses"],
            paused_until=entries["paused_until"],
            halts=await _load_halts(connection, wallet),
            standing=await load_all_standing(connection, wallet, now),
        )


async def list_equity(
    db: Database, limit: int, since: datetime = BEGINNING
) -> Sequence[EquityPoint]:
    """Return at most `limit` samples spread evenly over all since a time, oldest first."""
    async with db.transaction() as connection:
        wallet = await find_wallet(connection, db)
        rows = await connection.execute(_CURVE, {"wallet": wallet, "most": limit, "since": since})
        return [
            EquityPoint(row["timestamp"], row["cash"], row["bid_value"], row["deposits"])
            for row in rows.mappings()
        ]


async def find_wallet(connection: AsyncConnection, db: Database) -> Wallet:
    """Return whose books are shown; an empty one has no rows anywhere."""
    if db.wallet is not None:
        return db.wallet
    return Wallet((await connection.execute(_WALLET)).scalar_one() or "")


def _money(account: Account, results: RowMapping) -> Money:
    """Add the drawdown, the share of the peak that is lost, as the breakers reckon it."""
    peak = Usd(max(results["pnl_peak"], account.pnl, ZERO))
    drawdown = drawdown_of(account.pnl, peak, account.deposits)
    return Money(
        cash=account.cash,
        available=account.available,
        bid_value=account.bid_value,
        deposits=account.deposits,
        realised_pnl=Usd(results["realised_pnl"]),
        unrealised_pnl=Usd(results["unrealised_pnl"]),
        fees=Usd(results["fees"]),
        pnl_today=Usd(results["pnl_today"]),
        pnl_peak=peak,
        drawdown=drawdown.quantize(Decimal("0.0001")),
    )


async def _load_tally(db: Database, now: datetime) -> Tally:
    """Count since a day ago, to the minute, so that it is the same for a while."""
    since = (now - DAY).replace(second=0, microsecond=0)
    counts = await count_signals(db, since)
    hops = await measure_latency(db, since)
    return Tally(
        since=since,
        states=dict(sorted(counts.by_state.items())),
        refusals=dict(sorted(counts.by_reason.items())),
        latency=[
            Latency(name, hop.n, hop.p50_ms, hop.p90_ms, hop.p99_ms)
            for name, hop in hops.items()
            if hop.n
        ],
    )


async def _load_followed(connection: AsyncConnection) -> Sequence[WhaleLabel]:
    query = (
        select(whales.c.address, whales.c.pseudonym, whales.c.is_invented)
        .where(whales.c.is_active)
        .order_by(whales.c.rank.asc().nulls_last(), whales.c.address)
        .limit(WHALES_MAX)
    )
    rows = (await connection.execute(query)).mappings().all()
    return [
        WhaleLabel(Wallet(row["address"]), row["pseudonym"] or None, row["is_invented"])
        for row in rows
    ]


async def _load_halts(connection: AsyncConnection, wallet: Wallet) -> Sequence[HaltRow]:
    ours = (halts.c.scope == "TOKEN") | (halts.c.key == wallet)
    query = select(halts).where(ours).order_by(halts.c.halted_at.desc()).limit(WHALES_MAX)
    rows = (await connection.execute(query)).mappings().all()
    held = [
        HaltRow(HaltScope.WALLET.value, wallet, kill.describe(), kill.pulled_at)
        for kill in await load_kills(connection)
    ]
    standing = [HaltRow(row["scope"], row["key"], row["reason"], row["halted_at"]) for row in rows]
    return [*held, *standing]
