"""Reads the records over a few connections of its own, which can only read."""

from asyncio import Semaphore
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from re import sub

import asyncpg
from pydantic import SecretStr

from signer.facts import (
    MarketFacts,
    OrderFacts,
    PastOrder,
    PositionFacts,
    RecordsUnavailableError,
    RedemptionFacts,
    SignalFacts,
    Standing,
)
from trading.orders import UnsignedOrder
from trading.types import (
    ConditionId,
    IntentId,
    OrderHash,
    OrderState,
    PositionState,
    Price,
    Protocol,
    Shares,
    Side,
    SignalId,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

CONNECTIONS = 4
TIMEOUT_S = 1.0
PAST_MAX = 100_000

_HALT = """
coalesce(
    (SELECT 'kill switch: ' || source || ' ' || why FROM kills LIMIT 1),
    (SELECT 'halt: ' || reason FROM halts
        WHERE (scope = 'WALLET' AND key = i.maker) OR (scope = 'TOKEN' AND key = i.token_id)
        LIMIT 1),
    (SELECT 'breaker: ' || t.reason FROM breaker_trips AS t
        WHERE t.wallet = i.maker AND t.until > $2 AND t.key IN ('', i.condition_id, i.whale)
        AND NOT EXISTS (SELECT 1 FROM breaker_overrides AS o WHERE o.wallet = t.wallet
            AND o.breaker = t.breaker AND o.key IN ('', t.key)
            AND o.overridden_at >= t.tripped_at AND o.until > $2)
        LIMIT 1),
    (SELECT 'breaker: paused after losses in a row' FROM breakers AS b
        WHERE b.wallet = i.maker AND b.paused_until > $2
        AND NOT EXISTS (SELECT 1 FROM breaker_overrides AS o WHERE o.wallet = b.wallet
            AND o.breaker = 'LOSSES_IN_ROW' AND o.overridden_at >= b.paused_at AND o.until > $2)),
    (SELECT 'breaker: daily loss ' || -min(d.pnl) FROM (
            SELECT sum(pnl) AS pnl FROM daily_pnl
            WHERE wallet = i.maker AND day >= $3 GROUP BY day
        ) AS d
        WHERE NOT EXISTS (SELECT 1 FROM breaker_overrides AS o WHERE o.wallet = i.maker
            AND o.breaker = 'DAILY_LOSS' AND o.until > $2)
        HAVING -min(d.pnl) > $4),
    ''
)
"""
_OFFERED = """
(SELECT coalesce(sum(greatest(
        CASE WHEN w.status IN ('MATCHED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'VOID')
        THEN w.size_matched - (SELECT coalesce(sum(f.size), 0) FROM fills AS f
            WHERE f.order_id = w.order_id AND f.settlement = 'FAILED')
        ELSE x.offered END - x.sold, 0)), 0)
    FROM offers AS x JOIN orders AS w ON w.intent_id = x.intent_id
    WHERE x.position_id = i.position_id AND x.released_at IS NULL)
"""
# The constants above are words of ours, never foreign text.
_ORDER = f"""
SELECT i.*, w.status, w.posts,
    s.token_id AS signal_token, s.wallet AS signal_whale, s.price AS signal_price,
    p.user_address, p.token_id AS position_token, p.condition_id AS position_condition,
    p.status AS position_status, p.exit_epoch AS position_exit, p.settled_size,
    m.condition_id AS market, m.tick_size, m.version AS market_version,
    m.neg_risk AS market_neg_risk,
    r.reserved, x.offered, e.lowest,
    CASE WHEN i.side = 'SELL' THEN {_OFFERED} ELSE 0 END AS all_offered,
    l.epoch AS lease_epoch, l.build AS lease_build,
    CASE WHEN i.side = 'BUY' THEN {_HALT} ELSE '' END AS halt,
    CASE WHEN i.side = 'BUY' THEN (SELECT count(*) FROM orders AS a
        WHERE a.status IN ('SENDING', 'UNKNOWN', 'DELAYED', 'LIVE', 'PARTIAL')
        AND a.user_address = i.maker AND a.side = 'BUY' AND a.order_id <> i.order_hash)
    ELSE 0 END AS open_orders
FROM intents AS i
JOIN orders AS w ON w.order_id = i.order_hash AND w.intent_id = i.intent_id
LEFT JOIN signals AS s ON s.signal_id = i.signal_id
LEFT JOIN positions AS p ON p.position_id = i.position_id
LEFT JOIN tokens AS t ON t.token_id = i.token_id
LEFT JOIN markets AS m ON m.condition_id = t.condition_id
LEFT JOIN reservations AS r ON r.intent_id = i.intent_id AND r.released_at IS NULL
LEFT JOIN offers AS x ON x.intent_id = i.intent_id AND x.released_at IS NULL
LEFT JOIN exits AS e ON e.position_id = i.position_id AND e.exit_epoch = i.exit_epoch
LEFT JOIN leases AS l ON l.wallet = i.maker
WHERE i.order_hash = $1
"""  # noqa: S608
_REDEMPTION = """
SELECT d.wallet, d.condition_id, d.request, l.epoch AS lease_epoch, l.build AS lease_build
FROM redemption_sendings AS d LEFT JOIN leases AS l ON l.wallet = d.wallet
WHERE d.wallet = $1 AND d.state = 'OPEN'
"""
_SENT = """
SELECT i.intent_id, i.order_hash, i.signal_id, i.token_id, i.side, i.cost_max, i.created_at
FROM intents AS i JOIN orders AS w ON w.order_id = i.order_hash
WHERE i.maker = $1 AND i.created_at > $2 AND w.posts > 0
ORDER BY i.created_at DESC LIMIT $3
"""
_ASKS = {
    "application_name": "whalecopy-signer",
    "default_transaction_read_only": "on",
    "statement_timeout": "1000",
    "timezone": "UTC",
}


class PostgresRecords:
    """Implements Records on PostgreSQL: one statement, one snapshot, one round trip each."""

    def __init__(self, database_url: SecretStr, daily_loss_max: Usd) -> None:
        """Connect to nothing yet."""
        self._url = database_url
        self._daily_loss_max = daily_loss_max
        self._slots = Semaphore(CONNECTIONS)
        self._free: list[asyncpg.Connection] = []

    async def load_order(self, order_hash: OrderHash, now: datetime) -> OrderFacts | None:
        """Return an order by its hash."""
        today = now.astimezone(UTC).date()
        rows = await self._fetch(_ORDER, order_hash, now, today, self._daily_loss_max)
        return _read_order(rows[0]) if rows else None

    async def load_redemption(self, wallet: Wallet) -> RedemptionFacts | None:
        """Return the wallet's open redemption."""
        rows = await self._fetch(_REDEMPTION, wallet)
        if not rows:
            return None
        row = rows[0]
        return RedemptionFacts(
            wallet=Wallet(row["wallet"]),
            condition_id=ConditionId(row["condition_id"]),
            request=row["request"],
            lease_epoch=row["lease_epoch"],
            lease_build=row["lease_build"] or "",
        )

    async def list_sent(self, wallet: Wallet, since: datetime) -> Sequence[PastOrder]:
        """Return orders of a wallet that were sent since a time, the oldest first."""
        rows = await self._fetch(_SENT, wallet, since, PAST_MAX)
        return [
            PastOrder(
                intent_id=IntentId(row["intent_id"]),
                order_hash=OrderHash(row["order_hash"]),
                signal_id=None if row["signal_id"] is None else SignalId(row["signal_id"]),
                token_id=TokenId(row["token_id"]),
                is_entry=row["side"] == Side.BUY,
                cost_max=Usd(row["cost_max"]),
                created_at=row["created_at"],
            )
            for row in reversed(rows)
        ]

    async def close(self) -> None:
        """Close the connections that are free."""
        while self._free:
            await self._free.pop().close(timeout=TIMEOUT_S)

    async def _fetch(self, words: str, *arguments: object) -> Sequence[asyncpg.Record]:
        try:
            async with self._slots, self._borrowed() as connection:
                rows: Sequence[asyncpg.Record] = await connection.fetch(words, *arguments)
                return rows
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            kind = type(error).__name__  # its words may hold what was asked
            raise RecordsUnavailableError(f"the records could not be read: {kind}") from error

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._find()
        try:
            yield connection
        except BaseException:
            connection.terminate()  # nobody knows what it is still doing
            raise
        self._free.append(connection)

    async def _find(self) -> asyncpg.Connection:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        return await asyncpg.connect(
            _plain(self._url.get_secret_value()),
            timeout=TIMEOUT_S,
            command_timeout=TIMEOUT_S,
            server_settings=_ASKS,
        )


def _plain(database_url: str) -> str:
    """Spell an address the way asyncpg wants it."""
    url = sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", database_url)
    return sub(r"([?&])ssl=", r"\1sslmode=", url)


def _read_order(row: asyncpg.Record) -> OrderFacts:
    return OrderFacts(
        intent_id=IntentId(row["intent_id"]),
        order_hash=OrderHash(row["order_hash"]),
        unsigned=_read_unsigned(row),
        size=Shares(row["size"]),
        price=Price(row["price"]),
        cost_max=Usd(row["cost_max"]),
        whale=Wallet(row["whale"]),
        condition_id=ConditionId(row["condition_id"]),
        exit_epoch=row["exit_epoch"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        retry_until=row["retry_until"],
        state=OrderState(row["status"]),
        copies=row["posts"],
        position=_read_position(row),
        market=_read_market(row),
        signal=_read_signal(row),
        reserved=None if row["reserved"] is None else Usd(row["reserved"]),
        offered=None if row["offered"] is None else Shares(row["offered"]),
        standing=Standing(
            lease_epoch=row["lease_epoch"],
            lease_build=row["lease_build"] or "",
            halt=row["halt"],
            open_orders=row["open_orders"],
        ),
        lowest=None if row["lowest"] is None else Price(row["lowest"]),
    )


def _read_unsigned(row: asyncpg.Record) -> UnsignedOrder:
    return UnsignedOrder(
        maker=Wallet(row["maker"]),
        signer=Wallet(row["signer"]),
        token_id=TokenId(row["token_id"]),
        maker_amount=row["maker_amount"],
        taker_amount=row["taker_amount"],
        side=Side(row["side"]),
        signature_type=SignatureType(row["signature_type"]),
        salt=int(row["salt"]),
        timestamp_ms=row["timestamp_ms"],
        protocol=Protocol(row["protocol"]),
        neg_risk=row["neg_risk"],
        expiration_s=row["expiration_s"],
    )


def _read_position(row: asyncpg.Record) -> PositionFacts | None:
    if row["position_status"] is None:
        return None
    return PositionFacts(
        wallet=Wallet(row["user_address"]),
        token_id=TokenId(row["position_token"]),
        condition_id=ConditionId(row["position_condition"]),
        state=PositionState(row["position_status"]),
        exit_epoch=row["position_exit"],
        settled_size=Shares(row["settled_size"]),
        offered=Shares(row["all_offered"]),
    )


def _read_market(row: asyncpg.Record) -> MarketFacts | None:
    if row["market"] is None:
        return None
    tick_size: Decimal = row["tick_size"]
    return MarketFacts(
        condition_id=ConditionId(row["market"]),
        tick_size=Price(tick_size),
        protocol=Protocol(row["market_version"]),
        neg_risk=row["market_neg_risk"],
    )


def _read_signal(row: asyncpg.Record) -> SignalFacts | None:
    if row["signal_token"] is None:
        return None
    return SignalFacts(
        signal_id=SignalId(row["signal_id"]),
        token_id=TokenId(row["signal_token"]),
        whale=Wallet(row["signal_whale"]),
        price=Price(row["signal_price"]),
    )
