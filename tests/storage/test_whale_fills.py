from dataclasses import replace
from decimal import Decimal

from sqlalchemy import select

from storage.postgres import PostgresStore
from storage.tables import trades
from tests.storage.builders import MARKET, NOW, WHALE, YES, later, market, price, whale_fill
from trading.types import Reason, Side, Source, WhaleFill


def row(size: str = "100", *, source: Source = Source.DATA_API, side: Side = Side.BUY) -> WhaleFill:
    """Return a report without a log index."""
    return whale_fill(size, source=source, side=side, log_index=None, block_number=None)


def again(fill: WhaleFill) -> WhaleFill:
    """Return the same report, heard later."""
    return replace(fill, seen_at=later(9))


async def held(store: PostgresStore) -> Decimal:
    return await store.whale_holding(WHALE, YES, later(3600))


async def test_a_log_is_stored_once(store: PostgresStore) -> None:
    assert await store.record_fill(whale_fill())
    assert not await store.record_fill(replace(whale_fill(), seen_at=later(9)))
    assert await store.record_fill(whale_fill(log_index=2))
    assert await held(store) == 200


async def test_a_row_without_a_log_index_is_known_by_its_terms_and_number(
    store: PostgresStore,
) -> None:
    assert await store.record_fill(row(), ordinal=0)
    assert await store.record_fill(row(), ordinal=1)
    assert not await store.record_fill(again(row()), ordinal=0)
    assert not await store.record_fill(again(row()), ordinal=1)
    assert await held(store) == 200


async def test_a_row_whose_write_is_repeated_is_news_still(store: PostgresStore) -> None:
    """Its first write was committed and the answer was lost; nobody has counted it."""
    assert await store.record_fill(row())
    assert await store.record_fill(row())
    assert await held(store) == 100


async def test_the_market_of_a_known_token_is_noted(store: PostgresStore) -> None:
    await store.save_market(market(), NOW)
    await store.record_fill(whale_fill())
    async with store.transaction() as connection:
        found = (await connection.execute(select(trades.c.condition_id))).scalar_one()
    assert found == MARKET


async def test_sources_are_merged_to_the_largest_total_of_one(store: PostgresStore) -> None:
    await store.record_fill(whale_fill("250"))
    for source, sizes in ((Source.RTDS, ("100", "100")), (Source.DATA_API, ("100", "150"))):
        for ordinal, size in enumerate(sizes):
            await store.record_fill(row(size, source=source), ordinal=ordinal)
    assert await held(store) == 250


async def test_sales_reduce_what_a_whale_held_and_never_below_nothing(
    store: PostgresStore,
) -> None:
    await store.record_fill(whale_fill("100", tx="0x01"))
    await store.record_fill(whale_fill("60", tx="0x02", side=Side.SELL))
    assert await held(store) == 40
    await store.record_fill(whale_fill("90", tx="0x03", side=Side.SELL))
    assert await held(store) == 0


async def test_only_transactions_before_the_time_count(store: PostgresStore) -> None:
    await store.record_fill(whale_fill("100", tx="0x01"))
    await store.record_fill(whale_fill("50", tx="0x02", traded_at=later(10)))
    late = replace(row("50", source=Source.RTDS), transaction_hash="0x02", traded_at=later(9))
    await store.record_fill(late)
    assert await store.whale_holding(WHALE, YES, later(10)) == 100
    assert await store.whale_holding(WHALE, YES, NOW) == 0
    assert await store.whale_holding(WHALE, YES, later(11)) == 150


async def test_a_removed_log_is_taken_back_and_brought_again_from_another_block(
    store: PostgresStore,
) -> None:
    await store.record_fill(whale_fill())
    assert await store.record_fill(whale_fill(removed=True))
    assert not await store.record_fill(whale_fill(removed=True))
    assert await held(store) == 0
    assert not await store.record_fill(whale_fill())
    assert await held(store) == 0
    assert await store.record_fill(whale_fill(block_number=71))
    assert await held(store) == 100


async def test_a_log_removed_before_it_was_seen_stays_removed(store: PostgresStore) -> None:
    assert await store.record_fill(whale_fill(removed=True))
    assert not await store.record_fill(whale_fill())
    assert await held(store) == 0


async def test_a_price_with_more_digits_is_still_the_same_report(store: PostgresStore) -> None:
    fine = replace(row(), price=price("0.5238095238"))
    assert await store.record_fill(fine)
    assert not await store.record_fill(again(fine))
    assert await store.record_fill(replace(fine, removed=True))
    assert await held(store) == 0


async def test_skipped_fills_say_why_whoever_reported_them(store: PostgresStore) -> None:
    for fill in (whale_fill(), row(), whale_fill(tx="0x99")):
        await store.record_fill(fill)
    await store.skip_fills([whale_fill()], Reason.NOTIONAL_TOO_SMALL)
    statement = select(trades.c.followed, trades.c.skip_reason).order_by(trades.c.trade_id)
    async with store.transaction() as connection:
        found = [tuple(each) for each in await connection.execute(statement)]
    skipped = (False, "NOTIONAL_TOO_SMALL")
    assert found == [skipped, skipped, (True, None)]
