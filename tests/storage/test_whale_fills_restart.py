"""What is stored of fills tells a restarted listener what is still to be done."""

from storage.postgres import PostgresStore
from tests.storage.builders import NOW, later, signal, whale_fill
from trading.types import Reason, Side, Source, WhaleFill

TX = signal().transaction_hash


def chain_log(index: int, size: str = "100", *, tx: str = TX, side: Side = Side.BUY) -> WhaleFill:
    return whale_fill(size, tx=tx, log_index=index, side=side)


def rtds_row(size: str = "100", *, tx: str = TX) -> WhaleFill:
    return whale_fill(size, tx=tx, source=Source.RTDS, log_index=None, block_number=None)


async def signal_ids(store: PostgresStore) -> list[str | None]:
    return [kept.signal_id for kept in await store.list_recent_fills(later(-60), 100)]


async def test_fills_are_read_back_as_they_were_stored(store: PostgresStore) -> None:
    for fill in (chain_log(2), chain_log(1), rtds_row()):
        await store.record_fill(fill)
    kept = await store.list_recent_fills(later(-60), 100)
    assert [each.fill for each in kept] == [chain_log(2), chain_log(1), rtds_row()]
    assert [(each.signal_id, each.skipped) for each in kept] == [(None, False)] * 3


async def test_a_signal_marks_all_reports_of_its_transactions(store: PostgresStore) -> None:
    await store.record_fill(rtds_row())
    await store.record_fill(chain_log(1))  # it told nothing new, and counted all the same
    await store.record_fill(chain_log(1, tx="0xother"))
    await store.record_fill(chain_log(2, side=Side.SELL))
    assert await store.record_signal(signal(), NOW, [rtds_row()])
    assert await signal_ids(store) == ["s1", "s1", None, None]


async def test_a_fill_stays_with_the_first_signal_that_counted_it(store: PostgresStore) -> None:
    await store.record_fill(chain_log(1))
    await store.record_signal(signal("s1"), NOW, [chain_log(1)])
    await store.record_fill(chain_log(2))
    await store.record_signal(signal("s2"), NOW, [chain_log(2)])
    assert await signal_ids(store) == ["s1", "s2"]


async def test_a_dropped_fill_is_told_as_skipped(store: PostgresStore) -> None:
    await store.record_fill(chain_log(1))
    await store.skip_fills([chain_log(1)], Reason.WASH_TRADE)
    [kept] = await store.list_recent_fills(later(-60), 100)
    assert kept.skipped


async def test_only_the_newest_fills_since_a_time_are_read(store: PostgresStore) -> None:
    old = whale_fill(tx="0x01", traded_at=later(-3600))
    newer = [whale_fill(tx=f"0x0{n}", traded_at=later(n)) for n in (2, 3, 4)]
    for fill in (old, *newer):
        await store.record_fill(fill)
    kept = await store.list_recent_fills(later(-60), 2)
    assert [each.fill.transaction_hash for each in kept] == ["0x03", "0x04"]
