"""What nobody is asked to sell although its whale has left: found, and once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.holdings import load_stake
from storage.port import PositionRecord
from storage.postgres import PostgresStore
from tests.storage.builders import (
    NOW,
    WALLET,
    WHALE,
    YES,
    bought,
    later,
    market,
    price,
    signal,
    whale_fill,
)
from tests.storage.test_holdings import OTHER, end, move
from trading.holdings import MoveKind, WhaleHolding
from trading.rules import RiskRules
from trading.types import Side, SignalId, Source, TokenId, Wallet

EVER = NOW - timedelta(days=1)


@pytest.fixture
async def followed(funded: PostgresStore) -> PositionRecord:
    """We hold 100 because the whale bought 100."""
    await funded.save_market(market(), NOW)
    await funded.record_fill(whale_fill("100", tx="0x0b"))
    await funded.record_signal(signal("s1", traded_at=NOW), NOW)
    return await bought(funded)


async def owed(
    store: PostgresStore, at: int = 60, since: datetime = EVER
) -> list[tuple[SignalId, str]]:
    page = await store.list_owed(since, later(at))
    assert page.last is None
    return [(each.signal.signal_id, f"{each.mirror.owed.normalize():f}") for each in page.owed]


async def test_a_merge_makes_us_owe_its_share_under_one_name(
    funded: PostgresStore, followed: PositionRecord
) -> None:
    await funded.record_move(move(size="40", at=20), later(25))
    (found,) = (await funded.list_owed(EVER, later(26))).owed
    assert found.position_id == followed.position_id
    assert found.mirror.owed == 40
    made = found.signal
    assert (made.wallet, made.token_id, made.side) == (WHALE, YES, Side.SELL)
    assert made.size == 40
    assert (made.traded_at, made.source) == (later(20), Source.DATA_API)
    assert made.price == price("0.5")
    assert made.transaction_hash == "0x0m"
    assert [name for name, _ in await owed(funded, 27)] == [made.signal_id]


async def test_what_is_asked_for_is_not_owed_until_the_answer_fell_short(
    funded: PostgresStore, followed: PositionRecord
) -> None:
    del followed
    await funded.record_move(move(size="40", at=20), later(25))
    (found,) = (await funded.list_owed(EVER, later(26))).owed
    await funded.record_signal(found.signal, later(26))
    assert await owed(funded, 27) == []
    await funded.claim_exit_share(found.signal, later(28))
    await funded.release_claim(found.signal.signal_id, "us")
    assert await owed(funded, 90) == []
    await end(funded, found.signal.signal_id, "EXPIRED")
    assert await owed(funded, 57) == []
    ((again, size),) = await owed(funded, 59)
    assert again != found.signal.signal_id
    assert size == "40"


@pytest.mark.parametrize("kind", [MoveKind.SPLIT, MoveKind.REDEEM, MoveKind.CONVERSION])
async def test_what_copies_nothing_owes_nothing(
    funded: PostgresStore, followed: PositionRecord, kind: MoveKind
) -> None:
    """A conversion gives up the other token of this market."""
    del followed
    await funded.record_move(move(kind, at=20), later(25))
    assert await owed(funded) == []


async def test_a_sale_that_was_just_heard_is_left_to_its_own_signal(
    funded: PostgresStore, followed: PositionRecord
) -> None:
    del followed
    await funded.record_fill(whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(20)))
    assert await owed(funded, 25) == []
    ((_, size),) = await owed(funded, 30)
    assert size == "25"


@pytest.mark.parametrize("state", ["WAITING", "RUNNING"])
async def test_a_sale_whose_signal_is_not_answered_yet_is_left_to_it(
    funded: PostgresStore, followed: PositionRecord, state: str
) -> None:
    del followed
    sale = whale_fill("25", tx="0x0s", side=Side.SELL, traded_at=later(20))
    await funded.record_fill(sale)
    await funded.record_signal(signal("sale", side=Side.SELL, traded_at=later(20)), later(21))
    await end(funded, "sale", state)
    assert await owed(funded, 60) == []
    await end(funded, "sale", "FILTERED")
    assert len(await owed(funded, 60)) == 1


async def test_a_part_below_the_smallest_order_waits(
    funded: PostgresStore, followed: PositionRecord
) -> None:
    del followed
    await funded.record_move(move(size="4.9", at=20), later(25))
    assert await owed(funded) == []
    await funded.record_move(move(size="0.2", at=21, tx="0x2m"), later(25))
    assert len(await owed(funded)) == 1


async def test_nothing_is_owed_of_a_resolved_market(
    funded: PostgresStore, followed: PositionRecord
) -> None:
    del followed
    await funded.record_move(move(at=20), later(25))
    await funded.save_market(market(payouts=(price(1), price(0))), later(26))
    assert await owed(funded) == []


async def test_what_was_not_heard_of_lately_is_looked_at_only_when_asked_for(
    funded: PostgresStore, followed: PositionRecord
) -> None:
    del followed
    await funded.record_move(move(at=20), later(25))
    assert await owed(funded, since=later(25)) == []
    assert len(await owed(funded, since=later(24))) == 1


async def test_positions_are_looked_at_page_by_page(
    funded: PostgresStore, followed: PositionRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.owed.PAGE", 1)
    await funded.record_move(move(at=20), later(25))
    page = await funded.list_owed(EVER, later(60))
    assert len(page.owed) == 1
    assert page.last == followed.position_id
    rest = await funded.list_owed(EVER, later(60), followed.position_id)
    assert (rest.owed, rest.last) == ((), None)


async def test_only_the_lots_of_the_whale_that_left_are_owed(
    funded: PostgresStore, followed: PositionRecord, database_url: str
) -> None:
    del followed
    await funded.record_move(replace(move(at=20), wallet=OTHER), later(25))
    assert await owed(funded) == []
    await funded.record_move(move(at=20), later(25))
    stranger = PostgresStore(database_url, RiskRules(), OTHER)
    assert await owed(stranger) == []
    await stranger.close()
    assert funded.wallet == WALLET
    assert len(await owed(funded)) == 1


async def test_a_sale_that_comes_while_it_is_looked_is_left_to_its_own_signal(
    funded: PostgresStore, followed: PositionRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older reduction is owed; the new sale is not, though it is there before the end."""
    del followed
    await funded.record_move(move(size="20", at=20), later(25))

    async def sold_meanwhile(
        connection: AsyncConnection, wallet: Wallet, token: TokenId
    ) -> WhaleHolding:
        sale = whale_fill("40", tx="0x0s", side=Side.SELL, traded_at=later(59))
        await funded.record_fill(sale)
        return await load_stake(connection, wallet, token)

    monkeypatch.setattr("storage.owed.load_stake", sold_meanwhile)
    ((_, size),) = await owed(funded, 60)
    assert size == "20"
