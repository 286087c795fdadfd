"""Tests of the whole venue: what its readers and its clients see."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.model import (
    MICROS,
    BlockMined,
    BookChanged,
    Level,
    MarketOpened,
    MarketResolved,
    OrderRefusedError,
    OrderStatus,
    OrderType,
    OrderUpdated,
    Side,
    TradeStatus,
    TradeUpdated,
    VenueSettings,
)
from paper.store import StoreError
from paper.tape import Tape, open_tape
from paper.venue import Venue, wall_clock
from tests.paper.engine_room import (
    ANNA,
    BERT,
    CONDITION,
    NO,
    QUIET,
    YES,
    Clock,
    Room,
    Wish,
    a_market,
    is_balanced,
    levels,
    open_room,
    playing,
    shares,
    view,
)
from tests.paper.tiny_tape import write_tiny_tape

FAK, FOK, GTC = OrderType.FAK, OrderType.FOK, OrderType.GTC


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = open_room(tmp_path)
    yield room
    assert is_balanced(room.venue)
    room.venue.close()


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return open_tape(write_tiny_tape(tmp_path / "tiny.tape"))


def test_a_bought_share_is_paid_at_the_match_and_received_when_mined(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    result = room.post(Wish(price="0.45", size="10", order_type=FAK, maker_amount=4_500_000))
    assert (result.status, result.making_amount, result.taking_amount) == (
        "matched",
        shares("4"),
        shares("10"),
    )
    assert room.venue.balance(ANNA, None) == shares("9996")
    assert room.venue.balance(ANNA, YES) == 0
    assert room.venue.filled_on_chain(result.order_id) is None
    room.wait("2")
    assert room.venue.balance(ANNA, YES) == shares("10")
    assert room.venue.filled_on_chain(result.order_id) == (True, 0)


def test_a_trade_is_matched_then_mined_with_its_hash_then_confirmed(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    room.post(Wish(price="0.40", size="10"))
    room.wait("4.1")
    told = [event.trade for event in room.heard() if isinstance(event, TradeUpdated)]
    assert [trade.status for trade in told] == [
        TradeStatus.MATCHED,
        TradeStatus.MINED,
        TradeStatus.CONFIRMED,
    ]
    assert [bool(trade.transaction_hash) for trade in told] == [False, True, True]
    assert [trade.updated_at - told[0].matched_at for trade in told] == [0, 2000, 4000]


def test_the_block_of_a_trade_carries_its_logs(room: Room) -> None:
    before = room.venue.block_number()
    room.book(asks=levels(("0.40", "100")))
    room.post(Wish(price="0.40", size="10"))
    room.wait("2.1")
    mined = [event for event in room.heard() if isinstance(event, BlockMined) and event.logs]
    assert len(mined) == 1
    assert list(mined[0].logs) == list(room.venue.logs(before + 1, room.venue.block_number()))
    assert len(mined[0].logs) == 3
    block = room.venue.block(mined[0].number)
    assert block is not None
    assert block.hash == mined[0].logs[0].block_hash


def test_what_was_bought_cannot_be_sold_before_it_is_mined(room: Room) -> None:
    room.book(bids=levels(("0.39", "100")), asks=levels(("0.40", "100")))
    room.post(Wish(price="0.40", size="10"))
    with pytest.raises(OrderRefusedError, match="not enough balance"):
        room.post(Wish(side=Side.SELL, price="0.39", size="10", order_type=FAK))
    room.wait("2")
    assert room.post(Wish(side=Side.SELL, price="0.39", size="10", order_type=FAK)).status == (
        "matched"
    )


def test_what_was_taken_stays_away_until_the_recorded_size_rises(room: Room) -> None:
    asks = levels(("0.40", "100"))
    room.book(asks=asks)
    room.post(Wish(price="0.40", size="60"))
    assert view(room.venue).asks == levels(("0.40", "40"))
    room.book(asks=asks)
    assert view(room.venue).asks == levels(("0.40", "40"))
    room.book(asks=levels(("0.40", "101")))
    assert view(room.venue).asks == levels(("0.40", "101"))


def test_the_second_outcome_shows_the_mirrored_book(room: Room) -> None:
    room.book(bids=levels(("0.39", "70")), asks=levels(("0.40", "100"), ("0.42", "5")))
    mirror = view(room.venue, NO)
    assert mirror.bids == levels(("0.60", "100"), ("0.58", "5"))
    assert mirror.asks == levels(("0.61", "70"))
    room.post(Wish(token_id=NO, price="0.61", size="10"))
    assert view(room.venue, NO).last_trade_price == shares("0.61")
    assert view(room.venue).last_trade_price == shares("0.39")
    assert view(room.venue).bids == levels(("0.39", "60"))


def test_two_buyers_of_different_outcomes_mint(room: Room) -> None:
    room.post(Wish(price="0.40", size="10"))
    room.post(Wish(token_id=NO, price="0.65", size="10", maker=BERT))
    room.wait("4")
    assert room.venue.balance(ANNA, YES) == room.venue.balance(BERT, NO) == shares("10")
    assert room.venue.balance(ANNA, None) == shares("9996")
    assert room.venue.balance(BERT, None) == shares("9994")


def test_two_sellers_of_different_outcomes_merge(room: Room) -> None:
    room.own(ANNA, YES, "10")
    room.own(BERT, NO, "10")
    room.post(Wish(side=Side.SELL, price="0.40", size="10"))
    room.post(Wish(side=Side.SELL, token_id=NO, price="0.55", size="10", maker=BERT))
    room.wait("4")
    assert room.venue.balance(ANNA, None) == shares("10004")
    assert room.venue.balance(BERT, None) == shares("10006")
    assert room.venue.balance(ANNA, YES) == room.venue.balance(BERT, NO) == 0


def test_a_resolved_market_pays_its_winners_by_itself(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    resting = room.post(Wish(price="0.30", size="10", maker=BERT))
    room.post(Wish(price="0.40", size="10"))
    room.venue.resolve_market(CONDITION, (MICROS, 0))
    record = room.venue.order(resting.order_id)
    assert record is not None
    assert record.status is OrderStatus.CANCELED_MARKET_RESOLVED
    assert any(isinstance(event, MarketResolved) for event in room.heard())
    assert not room.venue.is_done
    room.wait("4.2")
    assert room.venue.balance(ANNA, None) == shares("10006")
    assert room.venue.balance(ANNA, YES) == 0
    paid = {one.wallet: one.payout for one in room.venue.redemptions()}
    assert paid[ANNA] == shares("10")
    assert room.venue.is_done
    with pytest.raises(OrderRefusedError, match="does not exist"):
        room.post(Wish())


def test_a_void_market_pays_half(room: Room) -> None:
    room.own(ANNA, YES, "10")
    room.venue.resolve_market(CONDITION, (500_000, 500_000))
    room.wait("4")
    assert room.venue.balance(ANNA, None) == shares("10005")


def test_a_reader_gets_copies_that_later_changes_do_not_touch(room: Room) -> None:
    room.post(Wish(price="0.30"))
    placed = next(event for event in room.heard() if isinstance(event, OrderUpdated))
    room.venue.cancel([placed.record.order.order_id], f"key of {ANNA}")
    assert placed.record.status is OrderStatus.LIVE


def test_an_order_and_its_trades_survive_a_restart(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    room.book(asks=levels(("0.40", "4")))
    filled = room.post(Wish(price="0.40", size="10"))
    room.venue.store.close()  # as a kill would: nothing more is saved
    again = Venue(None, QUIET, home=tmp_path, clock=room.clock)
    record = again.order(filled.order_id)
    assert record is not None
    assert (record.status, record.matched) == (OrderStatus.LIVE, shares("4"))
    assert [trade.trade_id for trade in again.trades()] == list(filled.trade_ids)
    assert view(again).bids == levels(("0.40", "6"))
    room.clock.at += 5000
    again.step()
    again.step()
    assert again.trades()[0].status is TradeStatus.CONFIRMED
    assert again.balance(ANNA, YES) == shares("4")
    assert again.filled_on_chain(filled.order_id) == (False, shares("2.4"))
    assert is_balanced(again)
    with pytest.raises(OrderRefusedError, match=r"Duplicated\.$"):
        again.submit(record.order, GTC, owner="x", post_only=False)
    again.close()


def test_blocks_and_logs_go_on_after_a_restart(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    room.book(asks=levels(("0.40", "100")))
    room.post(Wish(price="0.40", size="10"))
    room.wait("5")
    number, logs = room.venue.block_number(), list(room.venue.logs(0, 10**9))
    room.venue.close()
    again = Venue(None, QUIET, home=tmp_path, clock=room.clock)
    assert again.block_number() == number
    assert list(again.logs(0, 10**9)) == logs
    again.close()


def test_a_wallet_gets_its_bankroll_once(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    room.venue.open_wallet(ANNA)
    room.venue.open_wallet(ANNA.lower())
    assert room.venue.balance(ANNA, None) == shares("10000")
    room.venue.close()
    again = Venue(None, QUIET, home=tmp_path, clock=room.clock)
    again.open_wallet(ANNA)
    assert again.balance(ANNA, None) == shares("10000")
    again.close()


def test_unknown_things_are_none(room: Room) -> None:
    assert room.venue.market("0x1") is None
    assert room.venue.market_of("1") is None
    assert room.venue.book("1") is None
    assert room.venue.order("0x1") is None
    assert room.venue.filled_on_chain("0x1") is None
    assert room.venue.block(1) is None
    assert room.venue.price_history("1") == []
    assert room.venue.play is None
    assert room.venue.tape_header is None
    assert room.venue.tape_wallets() == ()
    with pytest.raises(KeyError, match="0x1"):
        room.venue.set_book("0x1", (), ())


def test_the_mid_price_is_remembered_by_the_second(room: Room) -> None:
    room.book(bids=levels(("0.38", "1")), asks=levels(("0.40", "1")))
    room.wait("1")
    room.book(bids=levels(("0.40", "1")), asks=levels(("0.44", "1")))
    assert [price for _, price in room.venue.price_history(YES)] == [390_000, 420_000]
    assert [price for _, price in room.venue.price_history(NO)] == [610_000, 580_000]


def test_a_market_may_be_added_with_its_book(room: Room) -> None:
    other = a_market(condition_id="0xbb", token_ids=("1", "2"))
    room.venue.add_market(other, replace(view(room.venue), bids=levels(("0.30", "5"))))
    assert view(room.venue, "1").bids == levels(("0.30", "5"))
    assert [market.condition_id for market in room.venue.markets()] == [CONDITION, "0xbb"]


def test_a_speed_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Venue(None, QUIET, home=tmp_path, speed=Decimal(0))


def test_the_clock_of_the_wall_counts_milliseconds() -> None:
    assert wall_clock() > 1_790_000_000_000


def test_a_full_disk_stops_the_venue_for_good(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    room.venue.store._file.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match="full"):
        _open_wallets(room, 2000)
    with pytest.raises(StoreError, match="earlier failure"):
        room.post(Wish())
    with pytest.raises(StoreError):
        room.venue.close()
    Venue(None, QUIET, home=tmp_path, clock=room.clock).close()


def test_a_whole_tape_is_played_and_ends_balanced(tmp_path: Path, tape: Tape) -> None:
    clock = Clock()
    with playing(tape, tmp_path / "home", clock, speed=Decimal(20)) as venue:
        events = venue.subscribe()
        started = clock.at
        while not venue.is_done:
            clock.at += 20
            venue.step()
            assert clock.at < started + 30_000
        kinds = []
        while not events.empty():
            kinds.append(type(events.get_nowait()))
        assert kinds.count(MarketOpened) == kinds.count(MarketResolved) == 2
        assert kinds.count(BookChanged) > 20
        assert is_balanced(venue)
        assert len(venue.trades()) == 4
        assert all(trade.status is TradeStatus.CONFIRMED for trade in venue.trades())
        assert venue.speed == 20
        assert venue.tape_header == tape.header
        assert venue.tape_wallets() == tape.wallets
        assert {market.ends_at for market in venue.markets()} == {started + 3_000}


def test_a_second_play_is_of_new_markets_on_rising_blocks(tmp_path: Path, tape: Tape) -> None:
    seen: list[set[str]] = []
    blocks: list[int] = []
    for _ in range(2):
        clock = Clock()
        with playing(tape, tmp_path / "home", clock, speed=Decimal(60)) as venue:
            assert venue.block_number() >= (blocks[-1] if blocks else 0)
            while not venue.is_done:
                clock.at += 50
                venue.step()
            seen.append({trade.transaction_hash for trade in venue.trades()})
            blocks.append(venue.block_number())
            assert is_balanced(venue)
    assert seen[0] < seen[1]
    assert len(seen[1]) == 8
    assert blocks[0] < blocks[1]


def test_a_play_goes_on_where_it_was_killed(tmp_path: Path, tape: Tape) -> None:
    clock, home = Clock(), tmp_path / "home"
    first = Venue(tape, QUIET, home=home, clock=clock)
    for _ in range(150):  # 30 seconds of the tape, two whale orders
        clock.at += 200
        first.step()
    play, books = first.play, [first.book(m.token_ids[0]) for m in first.markets()]
    first.store.close()
    clock.at += 3_600_000
    with playing(tape, home, clock, resume=True) as again:
        assert again.play is not None
        assert play is not None
        assert again.play.play_id == play.play_id
        assert [
            (book.bids, book.asks)
            for market in again.markets()
            if (book := again.book(market.token_ids[0])) is not None
        ] == [(book.bids, book.asks) for book in books if book is not None]
        while not again.is_done:
            clock.at += 200
            again.step()
        assert len(again.trades()) == 4
        assert is_balanced(again)


def test_the_markets_of_a_play_broken_off_are_settled_by_the_next(
    tmp_path: Path, tape: Tape
) -> None:
    clock, home = Clock(), tmp_path / "home"
    with playing(tape, home, clock) as first:
        clock.at += 10_000
        first.step()
        old = {market.condition_id for market in first.markets()}
    with playing(tape, home, clock) as second:
        second.step()
        assert all(m.closed == (m.condition_id in old) for m in second.markets())


def _open_wallets(room: Room, count: int) -> None:
    for number in range(count):
        room.venue.open_wallet(f"wallet {number}")


async def test_run_steps_until_it_is_cancelled(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    task = asyncio.create_task(room.venue.run())
    room.clock.at += 10_000
    async with asyncio.timeout(5):
        await room.events.get()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    room.venue.close()


# --- any sequence of what may happen ---------------------------------------------------------

_PRICES = st.integers(1, 19).map(lambda n: str(Decimal(n) * 5 / 100))
_SIDE_LEVELS = st.lists(st.tuples(st.integers(1, 19), st.integers(1, 3000)), max_size=4)


@st.composite
def _snapshots(draw: st.DrawFn) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    spread = draw(st.integers(1, 19))
    found = dict(draw(_SIDE_LEVELS))
    sized = {tick * 50_000: size * 10_000 for tick, size in found.items()}
    bids = [Level(p, sized[p]) for p in sorted(sized, reverse=True) if p < spread * 50_000]
    asks = [Level(p, sized[p]) for p in sorted(sized) if p >= spread * 50_000]
    return tuple(bids), tuple(asks)


_WISHES = st.builds(
    Wish,
    side=st.sampled_from(Side),
    price=_PRICES,
    size=st.integers(500, 4000).map(lambda n: str(Decimal(n) / 100)),
    token_id=st.sampled_from((YES, NO)),
    maker=st.sampled_from((ANNA, BERT)),
    order_type=st.sampled_from((GTC, FAK, FOK)),
)
_ACTS = st.one_of(
    _WISHES,
    _snapshots(),
    st.integers(0, 50),  # cancel one of the orders
    st.sampled_from(("0.3", "2", "5")),  # let time pass
)


@settings(max_examples=60, deadline=None)
@given(acts=st.lists(_ACTS, min_size=5, max_size=30), fee=st.sampled_from(("0", "0.07")))
def test_nothing_that_happens_makes_or_loses_money(acts: list[object], fee: str) -> None:
    with TemporaryDirectory() as home:
        room = open_room(Path(home), a_market(fee_rate=Decimal(fee)))
        room.own(ANNA, YES, "100")
        room.own(BERT, NO, "100")
        for act in acts:
            _act(room, act)
            assert is_balanced(room.venue)
            _check_orders(room)
        room.venue.resolve_market(CONDITION, (0, MICROS))
        room.wait("8")
        assert room.venue.is_done
        assert is_balanced(room.venue)
        assert not any(tokens for _, tokens in _all_but_bank(room.venue))
        room.venue.close()


def _act(room: Room, act: object) -> None:
    if isinstance(act, Wish):
        with contextlib.suppress(OrderRefusedError):
            room.post(act)
    elif isinstance(act, tuple):
        room.book(*act)
    elif isinstance(act, int):
        records = room.venue.orders()
        if records:
            record = records[act % len(records)]
            room.venue.cancel([record.order.order_id], record.owner)
    else:
        room.wait(str(act))


def _check_orders(room: Room) -> None:
    for record in room.venue.orders():
        assert 0 <= record.matched <= record.order.size
    for trade in room.venue.trades():
        parts = [(trade.taker_order_id, trade.side, trade.price)]
        parts += [(maker.order_id, maker.side, maker.price) for maker in trade.makers]
        assert sum(maker.size for maker in trade.makers) == trade.size
        for order_id, side, price in parts:
            posted = room.venue.order(order_id)
            if posted is not None:
                worse = price > posted.price if side is Side.BUY else price < posted.price
                assert not worse
    book = view(room.venue)
    assert all(level.size > 0 for level in (*book.bids, *book.asks))
    if book.bids and book.asks:
        assert book.bids[0].price < book.asks[0].price


def _all_but_bank(venue: Venue) -> list[tuple[int, dict[str, int]]]:
    return [held for account, held in venue.wallets().items() if account != "bank"]


def test_the_settings_say_how_often_blocks_come(tmp_path: Path) -> None:
    settings = VenueSettings(filler_fills_per_s=Decimal(0), block_every_s=Decimal("0.5"))
    room = open_room(tmp_path, settings=settings)
    before = room.venue.block_number()
    room.wait("5")
    assert room.venue.block_number() - before == 10
    room.venue.close()
