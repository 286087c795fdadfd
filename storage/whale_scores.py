"""Scores of whales, the watch on their edges, and what our copies of them made."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import RowMapping, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from storage.database import Database
from storage.tables import whales
from storage.whale_port import Edge, StoredScore
from storage.whale_tables import whale_edges, whale_scores
from trading.edge import Baseline, EdgeWatch
from trading.track_record import TrackRecord
from trading.types import Usd, Wallet

RATIO_MAX = Decimal(10) ** 11
"""No ratio is stored above it: a cost of a millionth of a dollar makes any."""
RATIO_MIN = Decimal("0.00000001")
RESULTS_MAX = 10_000

_OURS = text(
    """
    SELECT p.realised_pnl / sum(f.cost + f.fee) AS result
    FROM positions AS p JOIN fills AS f ON f.position_id = p.position_id
    WHERE p.source_whale = :wallet AND p.status IN ('CLOSED', 'REDEEMED')
    AND p.closed_at > :since AND f.side = 'BUY' AND f.settlement = 'CONFIRMED'
    GROUP BY p.position_id HAVING sum(f.cost + f.fee) > 0
    ORDER BY p.closed_at DESC, p.position_id DESC LIMIT :most
    """
)


async def list_scorable(db: Database, after: Wallet, limit: int) -> Sequence[Wallet]:
    """Return followed wallets in order, those after one."""
    wanted = select(whales.c.address).where(whales.c.is_active, whales.c.address > after)
    async with db.transaction() as connection:
        found = await connection.execute(wanted.order_by(whales.c.address).limit(limit))
    return [Wallet(address) for address in found.scalars()]


async def save_score(db: Database, wallet: Wallet, record: TrackRecord, now: datetime) -> bool:
    """Store a scoring; False for a wallet that is not on record. It follows and pauses nobody."""
    score = record.score
    figures = {
        "quality_score": score.quality_score,
        "win_rate": score.win_rate,
        "closed_trades": score.closed_trades,
    }
    scored = (
        update(whales)
        .where(whales.c.address == wallet)
        .values(
            **figures,
            total_volume=func.greatest(whales.c.total_volume, score.volume),
            total_trades=record.total_trades,
            roi=_ratio(record.roi),
            max_drawdown=_ratio(record.max_drawdown),
            profit_factor=_ratio(record.profit_factor),
        )
        .returning(whales.c.address)
    )
    row = insert(whale_scores).values(
        wallet=wallet,
        scored_at=now,
        **figures,
        score_error=score.score_error,
        mean_return=_ratio(score.mean_return),
        return_error=_ratio(score.return_error),
        return_low=_ratio(score.return_low),
        has_evidence=score.has_evidence,
        volume=score.volume,
    )
    async with db.transaction() as connection:
        if (await connection.execute(scored)).first() is None:
            return False
        await connection.execute(row.on_conflict_do_nothing())
    return True


async def list_scores(db: Database, wallet: Wallet, limit: int) -> Sequence[StoredScore]:
    """Return a whale's scorings, the newest first."""
    wanted = select(whale_scores).where(whale_scores.c.wallet == wallet)
    wanted = wanted.order_by(whale_scores.c.scored_at.desc()).limit(limit)
    async with db.transaction() as connection:
        rows = (await connection.execute(wanted)).mappings().all()
    return [_read_score(row) for row in rows]


async def load_edge(db: Database, wallet: Wallet) -> Edge | None:
    """Return the watch on a whale's edge."""
    wanted = select(whale_edges).where(whale_edges.c.wallet == wallet)
    async with db.transaction() as connection:
        row = (await connection.execute(wanted)).mappings().one_or_none()
    return None if row is None else _read_edge(row)


async def begin_edge(db: Database, wallet: Wallet, baseline: Baseline, since: datetime) -> None:
    """Begin to watch a whale unless it is watched already."""
    row = insert(whale_edges).values(
        wallet=wallet,
        edge=baseline.edge,
        deviation=max(_bounded(baseline.deviation), RATIO_MIN),
        trades=baseline.trades,
        since=since,
    )
    async with db.transaction() as connection:
        await connection.execute(row.on_conflict_do_nothing())


async def note_edge(db: Database, wallet: Wallet, edge: Edge) -> bool:
    """Keep what a look at a whale's edge found; False when its watch began anew meanwhile."""
    figures = {
        f"{owner}_{name}": figure
        for owner, watch in (("their", edge.theirs), ("our", edge.ours))
        if watch is not None
        for name, figure in (
            ("trades", watch.trades),
            ("mean", _bounded(watch.mean_result)),
            ("level", watch.level),
            ("bar", watch.bar),
        )
    }
    same = whale_edges.c.wallet == wallet, whale_edges.c.since == edge.since
    noted = update(whale_edges).where(*same).values(judged_at=edge.judged_at, **figures)
    async with db.transaction() as connection:
        done = await connection.execute(noted.returning(whale_edges.c.wallet))
        return done.first() is not None


async def our_results(db: Database, wallet: Wallet, since: datetime) -> Sequence[Decimal]:
    """Return pnl / cost of our copies of a whale that closed after a time, oldest first.

    The newest 10,000; fees are in both.
    """
    asked = {"wallet": wallet, "since": since, "most": RESULTS_MAX}
    async with db.transaction() as connection:
        found = (await connection.execute(_OURS, asked)).scalars().all()
    return list(reversed(found))


def _read_score(row: RowMapping) -> StoredScore:
    return StoredScore(
        scored_at=row["scored_at"],
        quality_score=row["quality_score"],
        score_error=row["score_error"],
        win_rate=row["win_rate"],
        mean_return=row["mean_return"],
        return_error=row["return_error"],
        return_low=row["return_low"],
        has_evidence=row["has_evidence"],
        closed_trades=row["closed_trades"],
        volume=Usd(row["volume"]),
    )


def _read_edge(row: RowMapping) -> Edge:
    baseline = Baseline(row["edge"], row["deviation"], row["trades"])
    if row["judged_at"] is None:
        return Edge(baseline, row["since"])
    theirs, ours = _read_watch(row, "their"), _read_watch(row, "our")
    return Edge(baseline, row["since"], row["judged_at"], theirs, ours)


def _read_watch(row: RowMapping, owner: str) -> EdgeWatch:
    trades, level, bar = row[f"{owner}_trades"], row[f"{owner}_level"], row[f"{owner}_bar"]
    gone_after = trades if level > bar else None
    return EdgeWatch(trades, row[f"{owner}_mean"], level, bar, gone_after)


def _ratio(figure: Decimal | None) -> Decimal | None:
    return None if figure is None else _bounded(figure)


def _bounded(figure: Decimal) -> Decimal:
    return min(max(figure, -RATIO_MAX), RATIO_MAX)
