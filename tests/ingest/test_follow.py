import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select

import ingest.follow
from exchange.port import FeedDoubt, FeedPulse, Quarantined, StreamReset
from ingest.follow import Follower
from ingest.record import REFUSED_PER_MINUTE, Recorder
from ingest.wanted import Wanted
from storage.postgres import PostgresStore
from storage.tables import events, trades
from tests.beside import beside
from tests.fakes import FakeClock
from tests.ingest.desk import (
    Ears,
    ScriptedFeed,
    ShakyStore,
    SlowStore,
    chain_log,
    count_quarantined,
    record_row,
    rtds_row,
    signal_sizes,
    until,
    utc_now,
)
from tests.storage.builders import NOW, WHALE
from trading.rules import AggregationRules
from trading.types import Side, Wallet

QUICK = AggregationRules(quiet=timedelta(milliseconds=500), longest=timedelta(seconds=3))


def make_follower(
    store: PostgresStore,
    ears: Ears,
    *feeds: ScriptedFeed,
    rules: AggregationRules = QUICK,
) -> Follower:
    recorder = Recorder(store, store, ears.health, utc_now)
    return Follower(feeds, recorder, ears.health, rules, utc_now)


@asynccontextmanager
async def following(follower: Follower) -> AsyncIterator[None]:
    """Run a follower until the block ends, then kill it where it stands."""
    wallets: Wanted[Wallet] = Wanted(frozenset({WHALE}))
    async with beside(follower.run(wallets)):
        yield


async def sizes_become(store: PostgresStore, sizes: Sequence[int]) -> None:
    async def hold() -> bool:
        return await signal_sizes(store) == list(sizes)

    await until(hold)


async def stored_becomes(store: PostgresStore, count: int) -> None:
    async def hold() -> bool:
        async with store.transaction() as connection:
            rows = (await connection.execute(select(trades.c.trade_id))).all()
        return len(rows) == count

    await until(hold)


async def nothing_but_a_marker_follows(store: PostgresStore, ears: Ears) -> None:
    """Start anew and tell one more fill: when its signal is there, all before it has been."""
    before = await signal_sizes(store)
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(99, "1", tx="0xmarker"))
        await sizes_become(store, [*before, 1])


async def test_one_order_in_a_hundred_fills_of_two_sources_is_one_signal(
    store: PostgresStore, ears: Ears
) -> None:
    """It lies in three transactions; the chain repeats itself, and all comes shuffled."""
    logs = [chain_log(n, "10", tx=f"0x0{n % 3}") for n in range(100)]
    rows = [rtds_row("10", tx=f"0x0{n % 3}") for n in range(100)]
    told = [*logs, *random.Random(7).choices(logs, k=60)]
    random.Random(8).shuffle(told)
    chain, rtds = ScriptedFeed("chain"), ScriptedFeed("rtds")
    patient = replace(QUICK, quiet=timedelta(seconds=3), longest=timedelta(seconds=30))
    async with following(make_follower(store, ears, chain, rtds, rules=patient)):
        chain.tell(*told)
        rtds.tell(*rows)
        await sizes_become(store, [1000])
        await stored_becomes(store, 200)


async def test_a_slow_database_splits_no_whale_order(store: PostgresStore, ears: Ears) -> None:
    """Thirty fills are heard within 300 ms; storing them takes longer than the longest window."""
    slow = SlowStore(store, timedelta(milliseconds=40))
    recorder = Recorder(cast(PostgresStore, slow), store, ears.health, utc_now)
    feed = ScriptedFeed("chain")
    heard_at = utc_now()
    logs = [
        replace(chain_log(n, "10"), seen_at=heard_at + n * timedelta(milliseconds=10))
        for n in range(30)
    ]
    follower = Follower([feed], recorder, ears.health, AggregationRules(), utc_now)
    async with following(follower):
        feed.tell(*logs)
        await sizes_become(store, [300])
        await stored_becomes(store, 30)


async def test_what_comes_after_a_signal_is_a_signal_of_the_rest(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(1, "100"))
        await sizes_become(store, [100])
        feed.tell(chain_log(1, "100"), chain_log(2, "40"))
        await sizes_become(store, [100, 40])


async def test_a_listener_that_died_after_storing_a_fill_signals_it_later(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")
    never = replace(QUICK, quiet=timedelta(hours=1), longest=timedelta(hours=1))
    async with following(make_follower(store, ears, feed, rules=never)):
        feed.tell(chain_log(1, "60"), chain_log(2, "40"))
        await stored_becomes(store, 2)
    assert await signal_sizes(store) == []
    async with following(make_follower(store, ears, ScriptedFeed("chain"))):
        await sizes_become(store, [100])


async def test_a_listener_that_died_amid_an_order_tells_it_as_one(
    store: PostgresStore, ears: Ears
) -> None:
    """Its other fills come when the gap is filled, later than the quiet that ends an order."""
    await store.record_fill(chain_log(1, "30"))
    await store.record_fill(chain_log(2, "40"))
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        late = replace(chain_log(3, "5"), seen_at=utc_now() + timedelta(seconds=1))
        feed.tell(late, replace(chain_log(1, "30"), seen_at=late.seen_at))
        await sizes_become(store, [75])
    await nothing_but_a_marker_follows(store, ears)


async def test_a_page_that_is_read_again_after_a_restart_makes_no_second_signal(
    store: PostgresStore, ears: Ears
) -> None:
    """Its rows of 100 and 50 were taken in other parts by the listener that died."""
    first = ScriptedFeed("data_api")
    async with following(make_follower(store, ears, first)):
        first.tell(*[record_row("50") for _ in range(3)])
        await sizes_become(store, [150])
    again = ScriptedFeed("data_api")
    async with following(make_follower(store, ears, again)):
        again.tell(record_row("100"), record_row("50"), chain_log(3, "7", tx="0x02"))
        await sizes_become(store, [150, 7])
        await stored_becomes(store, 4)


async def test_a_listener_that_died_after_a_signal_doubles_nothing(
    store: PostgresStore, ears: Ears
) -> None:
    """The chain is asked for the last blocks again, and the other source comes late."""
    first = ScriptedFeed("chain")
    async with following(make_follower(store, ears, first)):
        first.tell(chain_log(1, "60"), chain_log(2, "40"))
        await sizes_become(store, [100])
    chain, rtds = ScriptedFeed("chain"), ScriptedFeed("rtds")
    async with following(make_follower(store, ears, chain, rtds)):
        chain.tell(chain_log(1, "60"), chain_log(2, "40"))
        rtds.tell(rtds_row("100"))
        await stored_becomes(store, 3)
        chain.tell(chain_log(3, "7", tx="0x02"))
        await sizes_become(store, [100, 7])


async def test_what_one_source_told_of_a_signalled_trade_is_no_surplus_for_the_other(
    store: PostgresStore, ears: Ears
) -> None:
    """The signal counted the larger total, of which one half told nothing new when it came."""
    chain, rtds = ScriptedFeed("chain"), ScriptedFeed("rtds")
    async with following(make_follower(store, ears, chain, rtds)):
        rtds.tell(rtds_row("50"))
        await stored_becomes(store, 1)
        chain.tell(chain_log(1, "30"), chain_log(2, "40"))
        await stored_becomes(store, 3)
        await until(lambda: _sums_to(store, 70))
    await nothing_but_a_marker_follows(store, ears)


async def test_like_fills_of_one_transaction_are_counted_each_before_and_after_a_restart(
    store: PostgresStore, ears: Ears
) -> None:
    rtds = ScriptedFeed("rtds")
    async with following(make_follower(store, ears, rtds)):
        rtds.tell(*[rtds_row("10") for _ in range(3)], *[rtds_row("5") for _ in range(4)])
        await sizes_become(store, [50])
    chain = ScriptedFeed("chain")
    async with following(make_follower(store, ears, chain)):
        chain.tell(chain_log(1, "50"), chain_log(2, "1", tx="0x02"))
        await sizes_become(store, [50, 1])


async def test_a_third_signal_of_a_transaction_after_a_restart_has_an_id_of_its_own(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(1, "10"))
        await sizes_become(store, [10])
        feed.tell(chain_log(2, "20"))
        await sizes_become(store, [10, 20])
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(3, "30"))
        await sizes_become(store, [10, 20, 30])


async def test_a_fill_that_the_chain_took_back_before_a_restart_is_not_signalled_again(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")
    log = chain_log(1, "10")
    async with following(make_follower(store, ears, feed)):
        feed.tell(log)
        await sizes_become(store, [10])
        feed.tell(replace(log, removed=True))
        await until(lambda: _was_told(store))
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(1, "10", block=71), chain_log(5, "3", tx="0x02"))
        await sizes_become(store, [10, 3])


async def test_a_wallet_that_trades_with_itself_is_not_followed_even_after_a_restart(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")

    async def skipped() -> bool:
        async with store.transaction() as connection:
            rows = await connection.execute(select(trades.c.skip_reason))
            return list(rows.scalars()) == ["WASH_TRADE", "WASH_TRADE"]

    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(1, "10"), chain_log(2, "10", side=Side.SELL))
        await until(skipped)
    await nothing_but_a_marker_follows(store, ears)


async def test_fills_of_another_hour_are_left_alone(store: PostgresStore, ears: Ears) -> None:
    old = replace(chain_log(1), seen_at=utc_now() - timedelta(hours=2))
    await store.record_fill(old)
    await nothing_but_a_marker_follows(store, ears)


async def test_unreadable_payloads_and_new_connections_do_not_disturb_a_feed(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("rtds")
    async with following(make_follower(store, ears, feed)):
        feed.tell(
            StreamReset(utc_now()),
            Quarantined("rtds", "no size", '{"size": "a\x00b"}'),
            rtds_row("10"),
        )
        await sizes_become(store, [10])
    assert await count_quarantined(store) == 1
    labels = {"feed": "rtds"}
    assert ears.registry.get_sample_value("whalecopy_feed_quarantined_total", labels) == 1


async def test_a_fill_that_cannot_be_stored_is_quarantined_and_the_next_one_is_followed(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(1, "1" + "0" * 30), chain_log(2, "10"))
        await sizes_become(store, [10])
    assert await count_quarantined(store) == 1
    assert ears.failures("fill") == 1


async def test_while_the_database_is_away_nothing_is_lost(store: PostgresStore, ears: Ears) -> None:
    shaky = ShakyStore(store)
    shaky.away = {"list_recent_fills": 1, "record_fill": 2, "record_signal": 1}
    shaky.lost_answers = {"record_fill": 1, "record_signal": 1}
    feed = ScriptedFeed("rtds")
    async with following(make_follower(cast("PostgresStore", shaky), ears, feed)):
        feed.tell(rtds_row("10"), rtds_row("10"))
        await until(lambda: _sums_to(store, 20))
        await until(lambda: _all_marked(store))


async def _sums_to(store: PostgresStore, total: int) -> bool:
    return sum(await signal_sizes(store)) == total


async def _all_marked(store: PostgresStore) -> bool:
    async with store.transaction() as connection:
        rows = await connection.execute(select(trades.c.signal_id))
        return None not in list(rows.scalars())


async def _was_told(store: PostgresStore) -> bool:
    async with store.transaction() as connection:
        rows = await connection.execute(select(events.c.type))
        return list(rows.scalars()) == ["fill_taken_back"]


async def test_what_is_stored_of_the_chain_is_known_after_a_restart(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")
    recorder = Recorder(store, store, ears.health, utc_now)
    assert await recorder.load_position() is None
    async with following(make_follower(store, ears, feed)):
        feed.tell(chain_log(1, "10"), FeedPulse(utc_now(), 81_000_000), FeedPulse(utc_now(), 99))
        feed.tell(FeedPulse(utc_now()), chain_log(2, "5"))
        await sizes_become(store, [15])
    assert await recorder.load_position() == 81_000_000


async def test_nodes_that_disagree_are_told_of(store: PostgresStore, ears: Ears) -> None:
    feed = ScriptedFeed("chain")
    async with following(make_follower(store, ears, feed)):
        feed.tell(FeedDoubt("chain", "0xf00d", "one of two told it"))
        await until(lambda: _has_event(store, "sources_disagree"))
    assert ears.failures("nodes_disagree") == 1


async def test_a_wallet_that_is_not_followed_any_more_is_not_heard(
    store: PostgresStore, ears: Ears
) -> None:
    feed = ScriptedFeed("chain")
    stranger = Wallet("0x" + "55" * 20)
    async with following(make_follower(store, ears, feed)):
        feed.tell(replace(chain_log(1, "7"), wallet=stranger), chain_log(2, "10"))
        await sizes_become(store, [10])
    await stored_becomes(store, 1)


async def test_a_full_queue_makes_the_feeds_wait_and_loses_nothing(
    store: PostgresStore, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.follow, "QUEUE_MAX", 2)
    feed = ScriptedFeed("chain")
    patient = replace(QUICK, quiet=timedelta(seconds=3), longest=timedelta(seconds=30))
    async with following(make_follower(store, ears, feed, rules=patient)):
        feed.tell(*[chain_log(n, "1") for n in range(30)])
        await sizes_become(store, [30])
    labels = {"feed": "chain"}
    pushed = ears.registry.get_sample_value("whalecopy_feed_pushed_back_total", labels)
    assert pushed is not None
    assert pushed > 0


async def test_a_flood_of_nonsense_is_counted_and_not_all_kept(
    store: PostgresStore, ears: Ears
) -> None:
    recorder = Recorder(store, store, ears.health, FakeClock(NOW))
    for _ in range(REFUSED_PER_MINUTE + 40):
        await recorder.quarantine(Quarantined("rtds", "no size", "{}"))
    await recorder.quarantine(Quarantined("chain", "no size", "{}"))
    assert await count_quarantined(store) == REFUSED_PER_MINUTE + 1
    labels = {"feed": "rtds"}
    count = ears.registry.get_sample_value("whalecopy_feed_quarantined_total", labels)
    assert count == REFUSED_PER_MINUTE + 40


async def _has_event(store: PostgresStore, kind: str) -> bool:
    async with store.transaction() as connection:
        rows = await connection.execute(select(events.c.type))
        return list(rows.scalars()) == [kind]
