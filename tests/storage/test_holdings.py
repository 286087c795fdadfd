"""Whales' stakes in the records: told once, summed rightly, and claimed once."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import update

from storage.exit_port import ExitPlan
from storage.port import PositionRecord
from storage.postgres import PostgresStore
from storage.tables import signals
from tests.storage.builders import (
    MARKET,
    NO,
    NOW,
    WHALE,
    YES,
    booked,
    bought,
    later,
    leave,
    market,
    shares,
    signal,
    trade,
    whale_fill,
)
from trading.holdings import HeldToken, Mirror, MoveKind, WhaleMove
from trading.orders import Intent
from trading.types import (
    ConditionId,
    ExitReason,
    Reason,
    Side,
    SignalId,
    Source,
    TokenId,
    Wallet,
    WhaleSignal,
)

OTHER = Wallet("0x" + "99" * 20)


def move(
    kind: MoveKind = MoveKind.MERGE,
    size: str = "40",
    *,
    at: int = 10,
    tx: str = "0x0m",
    ordinal: int = 0,
    token_id: TokenId | None = None,
) -> WhaleMove:
    return WhaleMove(WHALE, kind, MARKET, token_id, shares(size), tx, later(at), ordinal)


async def held(store: PostgresStore, token_id: TokenId = YES) -> Decimal:
    return await store.whale_holding(WHALE, token_id, later(3600))


async def both(store: PostgresStore) -> list[Decimal]:
    return [await held(store), await held(store, NO)]


@pytest.fixture
async def following(funded: PostgresStore) -> PostgresStore:
    """A store that knows the market and that the whale bought 100 of YES."""
    await funded.save_market(market(), NOW)
    await funded.record_fill(whale_fill("100", tx="0x0b"))
    return funded


async def followed(store: PostgresStore, traded_at: int = 0) -> PositionRecord:
    """Copy the whale's purchase: we hold 100."""
    await store.record_signal(signal("s1", traded_at=later(traded_at)), NOW)
    return await bought(store)


async def mirrored(store: PostgresStore, position: PositionRecord, size: str) -> None:
    """Sell a part of a position because its whale did."""
    epoch = await store.begin_exit(position.position_id, ExitReason.WHALE_EXIT, NOW)
    exit_order = leave(position.position_id, epoch=epoch, size=size)
    exit_order = replace(exit_order, reason=ExitReason.WHALE_EXIT)
    intent = await store.commit_exit(exit_order, NOW)
    assert isinstance(intent, Intent), intent
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    await booked(store, intent, trade(intent, "mirrored"))
    await store.end_exit(position.position_id, NOW)


async def exit_signal(
    store: PostgresStore, name: str, at: int = 20, tx: str = "0x0s"
) -> WhaleSignal:
    found = signal(name, side=Side.SELL, traded_at=later(at))
    found = replace(found, size=shares(25), transaction_hash=tx)
    await store.record_signal(found, later(at))
    return found


async def end(store: PostgresStore, name: str, state: str = "FILLED") -> None:
    async with store.transaction() as connection:
        row = update(signals).where(signals.c.signal_id == name).values(state=state)
        await connection.execute(row)


async def test_a_move_is_stored_once_and_equal_ones_by_their_numbers(
    following: PostgresStore,
) -> None:
    assert await following.record_move(move(), NOW)
    assert not await following.record_move(move(), later(9))
    assert await following.record_move(move(ordinal=1), NOW)
    assert not await following.record_move(move(ordinal=1), NOW)
    assert await held(following) == 20


async def test_moves_change_every_token_of_their_market(following: PostgresStore) -> None:
    await following.record_move(move(MoveKind.SPLIT, "50", at=5, tx="0x1"), NOW)
    assert await both(following) == [150, 50]
    await following.record_move(move(MoveKind.MERGE, "30", at=6, tx="0x2"), NOW)
    assert await both(following) == [120, 20]
    await following.record_move(move(MoveKind.CONVERSION, "5", at=7, tx="0x3"), NOW)
    assert await both(following) == [120, 15]
    redeemed = move(MoveKind.REDEEM, "120", at=8, tx="0x4", token_id=YES)
    await following.record_move(redeemed, NOW)
    assert await both(following) == [0, 15]
    elsewhere = replace(move(tx="0x5"), condition_id=ConditionId("0x" + "77" * 32))
    await following.record_move(elsewhere, NOW)
    await following.record_move(replace(move(tx="0x6"), wallet=OTHER), NOW)
    assert await held(following, NO) == 15


async def test_a_snapshot_counts_until_the_next_move(following: PostgresStore) -> None:
    token = HeldToken(WHALE, YES, shares("500"), later(0))
    await following.record_held([token], NOW)
    await following.record_held([replace(token, size=shares("9"))], later(1))
    assert await held(following) == 500
    await following.record_move(move(at=30), NOW)
    assert await held(following) == 460
    assert await following.whale_holding(WHALE, YES, later(0)) == 0


async def test_a_fill_is_known_elsewhere_by_another_source_only(following: PostgresStore) -> None:
    late = replace(whale_fill("100", tx="0x0b"), source=Source.DATA_API, log_index=None)
    assert await following.is_known_elsewhere(late)
    assert not await following.is_known_elsewhere(replace(late, side=Side.SELL))
    unseen = replace(late, transaction_hash="0x0c")
    await following.record_fill(unseen)
    assert not await following.is_known_elsewhere(unseen)


async def test_a_claim_is_the_share_the_whale_gave_up_and_stands(following: PostgresStore) -> None:
    await followed(following)
    await following.record_fill(whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(20)))
    sale = await exit_signal(following, "x1")
    first = await following.claim_exit_share(sale, later(21))
    assert first == Mirror(Decimal("0.25"), shares(100), shares(75))
    await following.record_fill(whale_fill("25", tx="0x0t", side=Side.SELL, traded_at=later(22)))
    assert await following.claim_exit_share(sale, later(30)) == first


async def test_without_a_position_of_that_whale_there_is_no_claim(following: PostgresStore) -> None:
    assert await following.claim_exit_share(signal(side=Side.SELL), NOW) is None
    await followed(following)
    stranger = replace(signal("x9", side=Side.SELL), wallet=OTHER)
    assert await following.claim_exit_share(stranger, NOW) is None
    other_token = replace(signal("x8", side=Side.SELL), token_id=NO)
    assert await following.claim_exit_share(other_token, NOW) is None


async def test_claims_decided_together_are_not_given_the_same_shares(
    following: PostgresStore,
) -> None:
    await followed(following)
    for name in ("0x0s", "0x0t"):
        sale = whale_fill("25", tx=name, side=Side.SELL, traded_at=later(20))
        await following.record_fill(sale)
    found = [await exit_signal(following, name) for name in ("x1", "x2", "x3")]
    claims = await asyncio.gather(*(following.claim_exit_share(s, later(21)) for s in found))
    given = sorted(claim.share for claim in claims if claim is not None)
    assert given[:2] == [0, 0]
    assert given[2] == Decimal("0.5")


async def test_a_claim_that_sold_nothing_is_owed_again(following: PostgresStore) -> None:
    await followed(following)
    await following.record_fill(whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(20)))
    await following.claim_exit_share(await exit_signal(following, "x1"), later(21))
    await end(following, "x1", "EXPIRED")
    again = await following.claim_exit_share(await exit_signal(following, "x2"), later(22))
    assert again is not None
    assert again.share == Decimal("0.25")


async def test_what_a_mirrored_exit_sold_is_owed_no_more(following: PostgresStore) -> None:
    position = await followed(following)
    await following.record_fill(whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(20)))
    await following.claim_exit_share(await exit_signal(following, "x1"), later(21))
    await mirrored(following, position, "25")
    await end(following, "x1")
    claim = await following.claim_exit_share(await exit_signal(following, "x2"), later(22))
    assert claim == Mirror(Decimal(0), shares(75), shares(75))


async def test_an_exit_that_a_person_asked_for_too_is_told_apart(following: PostgresStore) -> None:
    """The whale left a quarter and a person wanted two thirds of the rest: 25 and 50 of 100."""
    position = await followed(following)
    await following.record_fill(whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(20)))
    await following.claim_exit_share(await exit_signal(following, "x1"), later(21))
    plan = ExitPlan(
        position.position_id,
        1,
        ExitReason.WHALE_EXIT,
        Decimal("0.75"),
        shares(75),
        later(22),
        (SignalId("x1"),),
    )
    await following.fix_exit(plan)
    await mirrored(following, position, "75")
    await end(following, "x1")
    claim = await following.claim_exit_share(await exit_signal(following, "x2"), later(30))
    assert claim is not None
    assert claim.held == claim.target == 25


async def test_a_sale_that_the_whale_made_before_the_copied_purchase_reduces_nothing(
    following: PostgresStore,
) -> None:
    await followed(following, traded_at=15)
    await following.record_fill(whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(10)))
    claim = await following.claim_exit_share(await exit_signal(following, "x1"), later(21))
    assert claim is not None
    assert claim.share == 0


async def test_a_wash_sale_is_not_mirrored(following: PostgresStore) -> None:
    await followed(following)
    wash = whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(20))
    await following.record_fill(wash)
    await following.skip_fills([wash], Reason.WASH_TRADE)
    claim = await following.claim_exit_share(await exit_signal(following, "x1"), later(21))
    assert claim is not None
    assert claim.share == 0


async def test_a_signal_is_a_reduction_though_its_fills_are_not_stored(
    following: PostgresStore,
) -> None:
    await followed(following)
    claim = await following.claim_exit_share(await exit_signal(following, "x1"), later(21))
    assert claim is not None
    assert claim.share == Decimal("0.25")


async def test_a_merge_is_a_sale_of_that_share_of_the_whales_own_lots(
    following: PostgresStore,
) -> None:
    await followed(following)
    await following.record_move(move(size="40", at=20), later(25))
    claim = await following.claim_exit_share(
        await exit_signal(following, "x1", tx="0x0m"), later(26)
    )
    assert claim == Mirror(Decimal("0.4"), shares(100), shares(60))
    assert claim.owed == 40
