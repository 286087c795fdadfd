"""Read one wallet's books at one instant: confirmed figures, and what may not be in them yet."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.lane import QuickDatabase
from storage.port import StorageError
from storage.statements import Statement, run, run_one
from trading.orders import VenueTrade
from trading.own_books import BookOrder, OwnBooks
from trading.types import OrderHash, Price, Shares, TokenId, Usd, Wallet

_ONE_INSTANT = Statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
_CASH = Statement(
    """
    SELECT coalesce(sum(cash), 0) AS cash,
           min(timestamp) FILTER (WHERE kind = 'DEPOSIT') AS opened_at
    FROM ledger WHERE wallet = :wallet
    """
)
_SHARES = Statement(
    """
    SELECT token_id, sum(settled_size) AS size,
           max(coalesce(payout, current_price, avg_entry_price)) AS price
    FROM positions WHERE user_address = :wallet GROUP BY token_id
    HAVING sum(settled_size) > 0 OR bool_or(status NOT IN ('CLOSED', 'REDEEMED'))
    """
)
_MOVES = Statement(
    """
    WITH loose AS (
        SELECT o.order_id, o.token_id, o.side, o.size, o.is_done, i.cost_max
        FROM orders AS o JOIN intents AS i ON i.intent_id = o.intent_id
        WHERE o.user_address = :wallet AND (NOT o.is_done OR o.applied_version < o.version)
    )
    SELECT f.token_id,  -- matched, and not in the ledger
           CASE f.side WHEN 'BUY' THEN -(f.cost + f.fee) ELSE f.cost - f.fee END AS cash,
           CASE f.side WHEN 'BUY' THEN f.size ELSE -f.size END AS shares
    FROM loose AS o JOIN fills AS f ON f.order_id = o.order_id
    WHERE f.settlement <> 'FAILED' AND NOT EXISTS (
        SELECT FROM ledger AS l WHERE l.wallet = :wallet AND l.kind = 'FILL'
        AND l.ref = f.trade_id || '/' || f.order_id)
    UNION ALL
    SELECT o.token_id,  -- what an order may still match
           CASE o.side WHEN 'BUY' THEN -o.cost_max * rest.leaves / o.size ELSE rest.leaves END,
           CASE o.side WHEN 'BUY' THEN rest.leaves ELSE -rest.leaves END
    FROM loose AS o CROSS JOIN LATERAL (
        SELECT o.size - coalesce(sum(f.size), 0) AS leaves
        FROM fills AS f WHERE f.order_id = o.order_id) AS rest
    WHERE NOT o.is_done AND rest.leaves > 0
    UNION ALL
    SELECT f.token_id,  -- settled of late
           CASE f.side WHEN 'BUY' THEN f.cost + f.fee ELSE f.fee - f.cost END,
           CASE f.side WHEN 'BUY' THEN -f.size ELSE f.size END
    FROM ledger AS l JOIN fills AS f
        ON f.order_id = l.order_id AND l.ref = f.trade_id || '/' || f.order_id
    WHERE l.wallet = :wallet AND l.kind = 'FILL' AND l.timestamp > :since
    UNION ALL
    SELECT p.token_id, -trunc(r.size * r.payout, 6), r.size  -- redeemed of late; lost ones stay
    FROM redemptions AS r JOIN positions AS p ON p.position_id = r.position_id
    WHERE p.user_address = :wallet AND (r.timestamp > :since OR r.payout = 0)
    UNION ALL
    SELECT p.token_id, trunc(p.settled_size * paid.payout, 6), -p.settled_size  -- being redeemed
    FROM positions AS p
    LEFT JOIN tokens AS t ON t.token_id = p.token_id
    LEFT JOIN markets AS m ON m.condition_id = t.condition_id
    CROSS JOIN LATERAL (SELECT coalesce(
        p.payout, m.payouts[array_position(m.token_ids, p.token_id)]) AS payout) AS paid
    WHERE p.user_address = :wallet AND p.settled_size > 0 AND paid.payout IS NOT NULL
    UNION ALL
    SELECT NULL, -l.cash, 0  -- put in or taken out of late
    FROM ledger AS l WHERE l.wallet = :wallet AND l.kind = 'DEPOSIT' AND l.timestamp > :since
    """
)
_ORDERS = Statement(
    """
    SELECT order_id, token_id, greatest(size - size_matched, 0) AS leaves, price,
           status IN ('DELAYED', 'LIVE', 'PARTIAL') AS is_open,
           status NOT IN ('PREPARED', 'SENDING', 'UNKNOWN') AND updated_at <= :since AS is_sure
    FROM orders WHERE user_address = :wallet AND (order_id = ANY(:listed) OR status IN
        ('PREPARED', 'SENDING', 'UNKNOWN', 'DELAYED', 'LIVE', 'PARTIAL'))
    """
)
_OWN = Statement("SELECT order_id FROM orders WHERE order_id = ANY(:hashes)")
_KNOWN = Statement("SELECT trade_id, order_id, settlement FROM fills WHERE order_id = ANY(:hashes)")


async def load_own_books(
    db: Database, settled_since: datetime, listed: Collection[OrderHash] = ()
) -> OwnBooks:
    """Return the wallet by our records, and its orders that are not over or that the venue lists.

    Moves are what is pending, and what was settled since a time.
    """
    wallet = _need_wallet(db)
    async with db.transaction() as connection:
        await run(connection, _ONE_INSTANT)
        money = await run_one(connection, _CASH, wallet=wallet)
        assert money is not None, "a sum is always one row"
        held = await run(connection, _SHARES, wallet=wallet)
        cash_moves, share_moves = await _load_moves(connection, wallet, settled_since)
        orders = await _load_orders(connection, wallet, settled_since, listed)
    return OwnBooks(
        wallet=wallet,
        opened_at=money["opened_at"],
        cash=Usd(money["cash"]),
        cash_moves=cash_moves,
        shares={TokenId(row["token_id"]): Shares(row["size"]) for row in held},
        share_moves=share_moves,
        prices={TokenId(r["token_id"]): Price(r["price"]) for r in held if r["price"] is not None},
        orders={order.order_hash: order for order in orders},
    )


async def list_news(db: QuickDatabase, trades: Sequence[VenueTrade]) -> Sequence[VenueTrade]:
    """Return those trades of our own orders that are not on record as they stand now."""
    hashes = sorted({trade.order_hash for trade in trades})
    own = {row["order_id"] for row in await db.lane.rows(_OWN, hashes=hashes)}
    rows = await db.lane.rows(_KNOWN, hashes=sorted(own))
    known = {(row["trade_id"], row["order_id"]): row["settlement"] for row in rows}
    return [
        trade
        for trade in trades
        if trade.order_hash in own
        and known.get((trade.trade_id, trade.order_hash)) != trade.settlement
    ]


async def list_foreign(
    db: QuickDatabase, order_hashes: Collection[OrderHash]
) -> frozenset[OrderHash]:
    """Return those of the orders that no intent of ours explains."""
    if not order_hashes:
        return frozenset()
    rows = await db.lane.rows(_OWN, hashes=sorted(order_hashes))
    return frozenset(order_hashes) - {OrderHash(row["order_id"]) for row in rows}


async def _load_moves(
    connection: AsyncConnection, wallet: Wallet, since: datetime
) -> tuple[Sequence[Decimal], Mapping[TokenId, Sequence[Decimal]]]:
    cash: list[Decimal] = []
    shares: defaultdict[TokenId, list[Decimal]] = defaultdict(list)
    for row in await run(connection, _MOVES, wallet=wallet, since=since):
        cash.append(row["cash"])
        if row["token_id"] is not None:
            shares[TokenId(row["token_id"])].append(row["shares"])
    return tuple(cash), {token_id: tuple(moves) for token_id, moves in shares.items()}


async def _load_orders(
    connection: AsyncConnection, wallet: Wallet, since: datetime, listed: Collection[OrderHash]
) -> Sequence[BookOrder]:
    rows = await run(connection, _ORDERS, wallet=wallet, since=since, listed=sorted(listed))
    return [
        BookOrder(
            order_hash=OrderHash(row["order_id"]),
            token_id=TokenId(row["token_id"]),
            leaves=Shares(row["leaves"]),
            price=Price(row["price"]),
            is_open=row["is_open"],
            is_sure=row["is_sure"],
        )
        for row in rows
    ]


def _need_wallet(db: Database) -> Wallet:
    if db.wallet is None:
        raise StorageError("expected records of one wallet to reconcile, received those of all")
    return db.wallet
