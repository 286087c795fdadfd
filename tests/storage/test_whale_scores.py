"""Scores are kept, and change nothing but scores."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from storage.postgres import PostgresStore
from storage.whale_port import WhaleChange, Word
from tests.storage.builders import NOW, WHALE, bought, entry, later, sold, usd, whale
from trading.edge import Baseline, EdgeWatch
from trading.overrides import Overrides
from trading.track_record import TrackRecord, study
from trading.types import Usd, Wallet
from trading.whales import ClosedTrade

ANN = Word("ann", "she asked", NOW)
BASE = Baseline(Decimal("0.5"), Decimal("0.3"), 90)


def record(count: int = 30, *, cost: str = "100", pnl: str = "20") -> TrackRecord:
    trades = [
        ClosedTrade(NOW - timedelta(days=count - n), usd(cost), Usd(Decimal(pnl) + n % 7), "a")
        for n in range(count)
    ]
    return study(trades, NOW)


async def test_a_score_follows_pauses_and_names_nobody(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    await store.set_overrides(WHALE, Overrides(percent=Decimal("0.01")), ANN)
    await store.change_whale(WHALE, WhaleChange.PAUSED, ANN)
    before = await store.load_whale(WHALE)
    track = record()
    assert await store.save_score(WHALE, track, NOW)
    after = await store.load_whale(WHALE)
    assert before is not None
    assert after is not None
    assert after.standing.is_paused
    assert after.standing.closed_trades == 30
    assert abs(after.standing.quality_score - track.score.quality_score) < Decimal("1e-8")
    assert (after.pseudonym, after.rank, after.total_volume) == (
        before.pseudonym,
        before.rank,
        before.total_volume,
    )
    assert after.standing.overrides == before.standing.overrides


async def test_a_removed_whale_is_scored_without_coming_back(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    await store.change_whale(WHALE, WhaleChange.REMOVED, ANN)
    assert await store.save_score(WHALE, record(), NOW)
    assert await store.list_followed() == frozenset()
    assert not await store.save_score(Wallet("0x" + "ee" * 20), record(), NOW)


async def test_scorings_are_kept_newest_first(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    await store.save_score(WHALE, record(5), NOW)
    await store.save_score(WHALE, record(60), later(10))
    await store.save_score(WHALE, record(60), later(10))  # told twice
    newest, oldest = await store.list_scores(WHALE, 9)
    assert (newest.closed_trades, oldest.closed_trades) == (60, 5)
    assert newest.has_evidence
    assert not oldest.has_evidence
    assert len(await store.list_scores(WHALE, 1)) == 1


async def test_a_ratio_too_great_for_a_column_is_cut(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    absurd = record(cost="0.000001", pnl="9000000")
    assert await store.save_score(WHALE, absurd, NOW)
    (score,) = await store.list_scores(WHALE, 9)
    assert score.mean_return == Decimal(10) ** 11


async def test_whales_to_score_come_in_pages(store: PostgresStore) -> None:
    wallets = [Wallet("0x" + digit * 40) for digit in "1234"]
    for wallet in wallets:
        other = replace(whale(), standing=replace(whale().standing, wallet=wallet))
        await store.follow_whale(other, ANN)
    await store.change_whale(wallets[2], WhaleChange.REMOVED, ANN)
    assert await store.list_scorable(Wallet(""), 2) == wallets[:2]
    assert await store.list_scorable(wallets[1], 2) == [wallets[3]]
    assert await store.list_scorable(wallets[3], 2) == []


async def test_a_watch_begins_once_and_keeps_its_last_look(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    assert await store.load_edge(WHALE) is None
    await store.begin_edge(WHALE, BASE, NOW)
    await store.begin_edge(WHALE, replace(BASE, trades=7), later(5))
    edge = await store.load_edge(WHALE)
    assert edge is not None
    assert (edge.baseline, edge.since, edge.theirs) == (BASE, NOW, None)
    theirs = EdgeWatch(12, Decimal("-0.05"), Decimal(11), Decimal(10), 12)
    ours = EdgeWatch(3, Decimal("0.02"), Decimal(1), Decimal(17))
    looked = replace(edge, judged_at=later(9), theirs=theirs, ours=ours)
    assert await store.note_edge(WHALE, looked)
    assert await store.load_edge(WHALE) == looked
    late = replace(looked, since=later(-1), judged_at=later(10))
    assert not await store.note_edge(WHALE, late)
    assert await store.load_edge(WHALE) == looked


async def test_our_results_count_what_closed_later_fees_included(funded: PostgresStore) -> None:
    assert await funded.our_results(WHALE, NOW - timedelta(days=1)) == []
    position = await bought(funded, fee="1")
    assert await funded.our_results(WHALE, NOW - timedelta(days=1)) == []  # still held
    closed = await sold(funded, position, at="0.60")
    (result,) = await funded.our_results(WHALE, NOW - timedelta(days=1))
    assert abs(result - closed.realised_pnl / Decimal(51)) < Decimal("1e-9")
    assert result > 0
    assert await funded.our_results(WHALE, NOW) == []
    assert entry().whale == WHALE
