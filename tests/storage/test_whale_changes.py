"""What people do to whales is done once, with who and why, and everybody hears of it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from storage.bell import CHANNELS
from storage.port import Reserved, StorageError
from storage.postgres import PostgresStore
from storage.tables import events
from storage.whale_port import CHANNEL, Edge, WhaleChange, Word
from tests.storage.builders import CAPS, NOW, WHALE, entry, later, signal, usd, whale
from trading.edge import Baseline, EdgeWatch
from trading.overrides import NO_OVERRIDES, Overrides
from trading.types import Price, Reason, Refusal, SizingMode, Usd, Wallet

ANN = Word("ann", "she asked", NOW)
OWN = Overrides(
    sizing_mode=SizingMode.FIXED,
    fixed_notional=usd("25.5"),
    position_max=usd(200),
    price_max=Price(Decimal("0.8")),
    categories=("sports",),
)
STRANGER = Wallet("0x" + "ee" * 20)


async def told(store: PostgresStore) -> list[tuple[str, str, str]]:
    query = select(events.c.type, events.c.ids["whale"].astext, events.c.metadata["who"].astext)
    async with store.transaction() as connection:
        rows = await connection.execute(query.order_by(events.c.event_id))
        return [(row[0], row[1], row[2]) for row in rows]


async def test_a_whale_is_followed_once(store: PostgresStore) -> None:
    assert await store.follow_whale(whale(), ANN)
    assert not await store.follow_whale(whale(), ANN)
    assert await store.list_followed() == {WHALE}
    assert await told(store) == [("whale_added", WHALE, "ann")]


async def test_a_whale_is_followed_by_its_own_numbers_from_the_first(store: PostgresStore) -> None:
    """One commit: between two of them it would be copied by the rules' caps."""
    fresh = whale()
    own = replace(fresh, standing=replace(fresh.standing, overrides=OWN))
    assert await store.follow_whale(own, ANN)
    found = await store.load_whale(WHALE)
    assert found is not None
    assert found.standing.overrides == OWN
    told_by = [kind for kind, _, _ in await told(store)]
    assert told_by == ["whale_added", "whale_overridden"]
    assert not await store.follow_whale(whale(), ANN)
    assert await store.load_whale(WHALE) == found


async def test_a_whale_is_paused_resumed_and_removed_once_each(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    for change in (WhaleChange.PAUSED, WhaleChange.RESUMED, WhaleChange.REMOVED):
        assert await store.change_whale(WHALE, change, ANN)
        assert not await store.change_whale(WHALE, change, ANN)
    assert await store.list_followed() == frozenset()
    assert [kind for kind, _, _ in await told(store)] == [
        "whale_added",
        "whale_paused",
        "whale_resumed",
        "whale_removed",
    ]


async def test_a_whale_that_comes_back_keeps_its_pause_and_its_overrides(
    store: PostgresStore,
) -> None:
    await store.follow_whale(whale(), ANN)
    await store.set_overrides(WHALE, OWN, ANN)
    await store.change_whale(WHALE, WhaleChange.PAUSED, ANN)
    await store.change_whale(WHALE, WhaleChange.REMOVED, ANN)
    assert await store.follow_whale(replace(whale(), pseudonym="other"), ANN)
    found = await store.load_whale(WHALE)
    assert found is not None
    assert found.standing.is_paused
    assert found.standing.overrides == OWN
    assert found.pseudonym == "Deep-Blue"


async def test_overrides_are_replaced_as_a_whole_and_dropped(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    for overrides in (OWN, Overrides(percent=Decimal("0.01")), NO_OVERRIDES):
        assert await store.set_overrides(WHALE, overrides, ANN)
        found = await store.load_whale(WHALE)
        assert found is not None
        assert found.standing.overrides == overrides
    assert not await store.set_overrides(STRANGER, OWN, ANN)


@pytest.mark.parametrize(
    "wrong",
    [
        Overrides(fixed_notional=usd(0)),
        Overrides(percent=Decimal("1.01")),
        Overrides(proportional_share=Decimal(-1)),
        Overrides(position_max=usd(-5)),
        Overrides(price_min=Price(Decimal(1))),
        Overrides(price_min=Price(Decimal("0.6")), price_max=Price(Decimal("0.5"))),
        Overrides(categories=tuple(map(str, range(21)))),
    ],
)
async def test_the_records_refuse_an_override_that_cannot_be(
    store: PostgresStore, wrong: Overrides
) -> None:
    await store.follow_whale(whale(), ANN)
    with pytest.raises(StorageError, match="ck_whale_overrides"):
        await store.set_overrides(WHALE, wrong, ANN)


async def test_hostile_words_are_kept_without_what_no_database_holds(store: PostgresStore) -> None:
    await store.follow_whale(whale(), Word("a\x00b", "\ud800 why", NOW))
    assert await told(store) == [("whale_added", WHALE, "a\\0b")]


async def test_resuming_watches_the_edge_from_now_on(store: PostgresStore) -> None:
    await store.follow_whale(whale(), ANN)
    await store.begin_edge(WHALE, Baseline(Decimal("0.5"), Decimal("0.3"), 90), NOW)
    await store.change_whale(WHALE, WhaleChange.PAUSED, ANN)
    lost = EdgeWatch(12, Decimal("-0.05"), Decimal(11), Decimal(10), 12)
    base = Baseline(Decimal("0.5"), Decimal("0.3"), 90)
    assert await store.note_edge(WHALE, Edge(base, NOW, later(9), lost, lost))
    word = Word("ann", "fine again", later(60))
    assert await store.change_whale(WHALE, WhaleChange.RESUMED, word)
    assert await store.load_edge(WHALE) == Edge(base, later(60))


async def test_an_edge_that_is_gone_pauses_by_the_watch_that_runs_only(
    store: PostgresStore,
) -> None:
    await store.follow_whale(whale(), ANN)
    assert not await store.lose_edge(WHALE, NOW, ANN)  # nobody watches it
    await store.begin_edge(WHALE, Baseline(Decimal("0.5"), Decimal("0.3"), 90), NOW)
    assert not await store.lose_edge(WHALE, later(-1), ANN)
    assert await store.lose_edge(WHALE, NOW, ANN)
    assert not await store.lose_edge(WHALE, NOW, ANN)
    assert [kind for kind, _, _ in await told(store)] == ["whale_added", "whale_paused"]


async def test_an_entry_stays_below_the_caps_of_its_whale(funded: PostgresStore) -> None:
    await funded.record_signal(signal(), NOW)
    await funded.follow_whale(whale(), ANN)
    for caps, reason in (
        (Overrides(position_max=usd(49)), Reason.POSITION_LIMIT),
        (Overrides(market_max=usd(49)), Reason.MARKET_LIMIT),
        (Overrides(whale_max=usd(49)), Reason.WHALE_LIMIT),
    ):
        await funded.set_overrides(WHALE, caps, ANN)
        answer = await funded.reserve_entry(entry(), CAPS, NOW)
        assert isinstance(answer, Refusal)
        assert answer.reason is reason
        assert Decimal(answer.numbers["cap"]) == 49
    await funded.set_overrides(WHALE, Overrides(position_max=usd(50)), ANN)
    assert isinstance(await funded.reserve_entry(entry(), CAPS, NOW), Reserved)


async def test_an_override_raises_no_cap(funded: PostgresStore) -> None:
    """The control: a row above the rules, which only a hand in the database could write."""
    await funded.record_signal(signal(), NOW)
    await funded.follow_whale(whale(), ANN)
    await funded.set_overrides(WHALE, Overrides(position_max=usd(9_000)), ANN)
    answer = await funded.reserve_entry(entry(size="2100"), CAPS, NOW)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.POSITION_LIMIT
    assert Decimal(answer.numbers["cap"]) == CAPS.position


async def test_a_whale_paused_or_removed_since_the_decision_is_not_bought(
    funded: PostgresStore,
) -> None:
    await funded.record_signal(signal(), NOW)
    await funded.follow_whale(whale(), ANN)
    for change, reason in (
        (WhaleChange.PAUSED, Reason.WHALE_PAUSED),
        (WhaleChange.REMOVED, Reason.WHALE_UNKNOWN),
    ):
        await funded.change_whale(WHALE, change, ANN)
        answer = await funded.reserve_entry(entry(), CAPS, NOW)
        assert isinstance(answer, Refusal)
        assert answer.reason is reason


async def test_a_change_rings_at_its_commit(database_url: str, store: PostgresStore) -> None:
    from storage.bell import PostgresBell

    assert CHANNEL in CHANNELS
    bell = PostgresBell(database_url)
    assert not await bell.wait(CHANNEL, "", timedelta(milliseconds=1))
    await store.follow_whale(whale(), ANN)
    assert await bell.wait(CHANNEL, WHALE, timedelta(seconds=5))
    await bell.close()


async def test_the_edge_of_a_removed_whale_hinders_nobody(store: PostgresStore) -> None:
    async with store.transaction() as connection:
        count = text("SELECT count(*) FROM whale_edges")
        assert (await connection.execute(count)).scalar_one() == 0
    assert not await store.change_whale(STRANGER, WhaleChange.RESUMED, ANN)
    assert Usd(Decimal(1)) == 1
