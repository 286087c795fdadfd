"""Markets, whales and the wallet's lease."""

from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert

from storage.database import Database, storable
from storage.lane import QuickDatabase
from storage.port import WhaleRecord
from storage.rows import read_market, read_whale
from storage.statements import Statement
from storage.tables import leases, markets, tokens, whales
from trading.types import Market, TokenId, Wallet

LEASE = timedelta(seconds=10)
_MARKET = Statement(
    """
    SELECT m.* FROM markets AS m JOIN tokens AS t ON t.condition_id = m.condition_id
    WHERE t.token_id = :token_id
    """
)
_WHALE = Statement(
    """
    SELECT w.*, o.* FROM whales AS w LEFT JOIN whale_overrides AS o ON o.wallet = w.address
    WHERE w.address = :wallet
    """
)


async def save_market(db: Database, market: Market, now: datetime) -> None:
    """Insert or refresh a market; payouts once known are kept when a refresh lacks them."""
    values = {
        "question": storable(market.question),
        "slug": storable(market.slug),
        "outcomes": [storable(outcome) for outcome in market.outcomes],
        "token_ids": list(market.token_ids),
        "version": market.protocol,
        "neg_risk": market.neg_risk,
        "tick_size": market.tick_size,
        "min_size": market.min_size,
        "fee_rate": market.fees.rate,
        "fee_exponent": market.fees.exponent,
        "end_date": market.ends_at,
        "active": market.is_active,
        "closed": market.is_closed,
        "accepts_orders": market.accepts_orders,
        "liquidity": market.liquidity,
        "volume": market.volume,
        "payouts": None if market.payouts is None else list(market.payouts),
        "categories": [storable(category) for category in market.categories],
        "saved_at": now,
    }
    row = insert(markets).values(condition_id=market.condition_id, **values)
    kept = {"payouts": func.coalesce(row.excluded.payouts, markets.c.payouts)}
    saved = row.on_conflict_do_update(index_elements=(markets.c.condition_id,), set_=values | kept)
    async with db.transaction() as connection:
        await connection.execute(saved)
        for token_id, outcome in zip(market.token_ids, market.outcomes, strict=True):
            token = insert(tokens).values(
                token_id=token_id, condition_id=market.condition_id, outcome=storable(outcome)
            )
            await connection.execute(token.on_conflict_do_nothing())


async def load_market(db: QuickDatabase, token_id: TokenId) -> Market | None:
    """Return the market of a token."""
    row = await db.lane.row(_MARKET, token_id=token_id)
    return read_market(row) if row is not None else None


async def save_whale(db: Database, whale: WhaleRecord, now: datetime) -> None:
    """Insert or refresh a whale; figures kept by fills are left alone."""
    values = whale_values(whale)
    wallet = whale.standing.wallet
    row = insert(whales).values(address=wallet, first_seen=now, last_active=now, **values)
    saved = row.on_conflict_do_update(index_elements=(whales.c.address,), set_=values)
    async with db.transaction() as connection:
        await connection.execute(saved)


def whale_values(whale: WhaleRecord) -> dict[str, object]:
    """Return a whale's columns but its address and its dates."""
    standing = whale.standing
    return {
        "pseudonym": storable(whale.pseudonym),
        "total_volume": whale.total_volume,
        "total_trades": whale.total_trades,
        "closed_trades": standing.closed_trades,
        "win_rate": standing.win_rate,
        "quality_score": standing.quality_score,
        "roi": whale.roi,
        "sharpe_ratio": whale.sharpe_ratio,
        "max_drawdown": whale.max_drawdown,
        "profit_factor": whale.profit_factor,
        "rank": whale.rank,
        "is_active": standing.is_followed,
        "is_paused": standing.is_paused,
        "is_invented": whale.is_invented,
    }


async def load_whale(db: QuickDatabase, wallet: Wallet) -> WhaleRecord | None:
    """Return a whale."""
    row = await db.lane.row(_WHALE, wallet=wallet)
    return read_whale(row) if row is not None else None


async def list_followed(db: Database) -> frozenset[Wallet]:
    """Return the wallets that are followed now."""
    statement = select(whales.c.address).where(whales.c.is_active)
    async with db.transaction() as connection:
        found = (await connection.execute(statement)).scalars().all()
    return frozenset(Wallet(address) for address in found)


async def acquire_lease(db: Database, wallet: Wallet, holder: str, now: datetime) -> int | None:
    """Take or renew a wallet's lease for 10 s; return its epoch, None when another holds it.

    The epoch rises whenever the holder changes, so that the old one's orders are refused.
    """
    until = now + LEASE
    row = insert(leases).values(
        wallet=wallet, holder=holder, epoch=1, acquired_at=now, expires_at=until
    )
    is_ours = leases.c.holder == holder
    taken = row.on_conflict_do_update(
        index_elements=(leases.c.wallet,),
        set_={
            "holder": holder,
            "epoch": case((is_ours, leases.c.epoch), else_=leases.c.epoch + 1),
            "acquired_at": case((is_ours, leases.c.acquired_at), else_=now),
            "expires_at": until,
        },
        where=is_ours | (leases.c.expires_at <= now),
    ).returning(leases.c.epoch)
    async with db.transaction() as connection:
        epoch: int | None = (await connection.execute(taken)).scalar_one_or_none()
    return epoch
