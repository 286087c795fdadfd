"""Tests of building the shipped tape, and of the tape that was built."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from paper.model import MICROS, Dialect, Level, Side
from paper.tape import SHIPPED, Snapshot, Tape, TapeMarket, WhaleOrder, open_tape
from paper.tapes.build import (
    LEAD_MS,
    build,
    in_order,
    main,
    tape_market,
    tick_size,
)
from paper.tapes.cast import CAST
from paper.tapes.source import MarketRow, RecordedMarket, Recording, SourceError

START = 1_790_000_000_000


def recorded(number: int, lead_s: int = 100) -> RecordedMarket:
    """A synthetic market whose best asks disappear every ten seconds."""
    start = START + number * 900_000
    name = f"0x{number + 1:064x}"
    snapshots = tuple(
        Snapshot(
            at=start + second * 1000 + 250,
            condition_id=name,
            bids=(Level(490_000, 8_000 * MICROS), Level(480_000, 1_000 * MICROS)),
            asks=(Level(500_000, (9_000 - 4_000 * (second % 10 == 0)) * MICROS),),
        )
        for second in range(-lead_s, 905)
    )
    row = MarketRow(
        name, f"m{number}", "Up?", start, start + 900_000, "Up", "Down", Decimal(1), Decimal(0)
    )
    return RecordedMarket(row, snapshots)


def recording() -> Recording:
    return Recording((recorded(0), recorded(1)), 4_000, 0, 0)


def test_a_rebuilt_tape_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        build(recording(), tmp_path / name, seed=3)
    build(recording(), tmp_path / "c", seed=4)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_built_tape_holds_every_book_and_some_whale_orders(tmp_path: Path) -> None:
    build(recording(), tmp_path / "a", seed=3)
    tape = open_tape(tmp_path / "a")
    events = list(tape.events())
    books = [event for event in events if isinstance(event, Snapshot)]
    assert len(books) == LEAD_MS // 1000 + 905 + 1005
    orders = [event for event in events if isinstance(event, WhaleOrder)]
    assert len(orders) > 20
    assert {order.wallet for order in orders} <= {wallet.address for wallet in tape.wallets}
    assert [wallet.name for wallet in tape.wallets] == [character.name for character in CAST]


def test_the_quiet_start_of_the_first_market_alone_is_left_out(tmp_path: Path) -> None:
    build(recording(), tmp_path / "a", seed=3)
    tape = open_tape(tmp_path / "a")
    assert tape.header.starts_at == START - LEAD_MS
    assert [m.starts_at for m in tape.markets] == [START - LEAD_MS, START + 800_000]
    assert tape.header.ends_at == tape.markets[1].resolves_at


def test_a_market_keeps_what_was_recorded_of_it() -> None:
    source = recorded(0)
    market = tape_market(source, 0)
    assert market.condition_id == source.row.market_id
    assert (market.slug, market.event_slug, market.question) == ("m0", "m0", "Up?")
    assert market.payouts == (MICROS, 0)
    assert market.ends_at == source.row.end_ts
    assert (market.dialect, market.neg_risk) == (Dialect.CLOB_V2, False)
    assert tape_market(source, 1).dialect is Dialect.PROTOCOL_V2
    assert tape_market(source, 4).neg_risk


def test_a_market_resolves_a_minute_after_its_end_or_at_its_last_book() -> None:
    source = recorded(0)
    assert tape_market(source, 0).resolves_at == source.row.end_ts + 60_000
    late = replace(source.snapshots[-1], at=source.row.end_ts + 71_001)
    longer = RecordedMarket(source.row, (*source.snapshots, late))
    assert tape_market(longer, 0).resolves_at == source.row.end_ts + 72_000


def test_the_tick_is_the_finest_step_of_the_prices() -> None:
    def at(price: int) -> list[Snapshot]:
        return [Snapshot(1, "", (Level(price, 1),), ())]

    assert tick_size(at(490_000)) == 10_000
    assert tick_size(at(499_000)) == 1_000
    with pytest.raises(SourceError, match=r"in steps of 0\.001"):
        tick_size(at(499_900))


def test_a_whale_order_stands_just_before_the_book_that_lacks_its_levels(tmp_path: Path) -> None:
    build(recording(), tmp_path / "a", seed=3)
    events = list(open_tape(tmp_path / "a").events())
    assert events == in_order(events[::-1])
    for event, following in pairwise(events):
        if isinstance(event, WhaleOrder):
            assert isinstance(following, Snapshot)
            assert (following.at, following.condition_id) == (event.at, event.condition_id)


def test_the_command_line_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.whl"), "--out", str(tmp_path / "a")]) == 1
    assert "expected" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_the_command_line_builds_a_tape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paper.tapes.build.load_recording", lambda _: recording())
    assert main(["a.whl", "--out", str(tmp_path / "a"), "--seed", "3"]) == 0
    assert str(tmp_path / "a") in capsys.readouterr().out
    assert len(open_tape(tmp_path / "a").markets) == 2


def notional(order: WhaleOrder) -> int:
    return sum(fill.price * fill.size for fill in order.fills) // MICROS


@cache
def shipped() -> Tape:
    return open_tape(SHIPPED)


@cache
def shipped_orders() -> tuple[tuple[WhaleOrder, Snapshot, Snapshot], ...]:
    """Each order of the shipped tape with its market's books before and after it."""
    return tuple(_with_books())


def _with_books() -> Iterator[tuple[WhaleOrder, Snapshot, Snapshot]]:
    books: dict[str, Snapshot] = {}
    waiting: dict[str, WhaleOrder] = {}
    for event in shipped().events():
        if isinstance(event, WhaleOrder):
            assert event.condition_id not in waiting, "an order stands just before its book"
            waiting[event.condition_id] = event
            continue
        order = waiting.pop(event.condition_id, None)
        if order is not None:
            yield order, books[event.condition_id], event
        books[event.condition_id] = event
    assert not waiting


def skill_of(order: WhaleOrder) -> str:
    return next(w.skill for w in shipped().wallets if w.address == order.wallet)


def market_of(order: WhaleOrder) -> TapeMarket:
    return next(m for m in shipped().markets if m.condition_id == order.condition_id)


def test_the_shipped_tape_is_small_and_says_what_is_invented() -> None:
    assert SHIPPED.stat().st_size <= 5_000_000
    header = shipped().header
    assert "Resolved Markets" in header.attribution
    assert header.licence.startswith("CC BY 4.0")
    text = " ".join(header.invented)
    words = ("wallet", "skill", "token ids", "fees", "tick", "maker", "past trades", "bought")
    assert [word for word in words if word not in text] == []


def test_the_shipped_tape_holds_eighteen_resolved_markets_in_five_hours() -> None:
    tape = shipped()
    assert len(tape.markets) == 18
    assert 4.5 * 3600 < (tape.header.ends_at - tape.header.starts_at) / 1000 < 5.1 * 3600
    assert all(sorted(m.payouts) == [0, MICROS] for m in tape.markets)
    assert tape.header.ends_at == max(m.resolves_at for m in tape.markets)
    assert sum(m.dialect is Dialect.PROTOCOL_V2 for m in tape.markets) >= 2
    assert sum(m.neg_risk for m in tape.markets) >= 3
    assert sum(m.dialect is Dialect.CLOB_V2 and not m.neg_risk for m in tape.markets) > 9


def test_every_shipped_book_fits_its_market() -> None:
    markets = {m.condition_id: m for m in shipped().markets}
    seen: Counter[str] = Counter()
    at = shipped().header.starts_at
    for event in shipped().events():
        market = markets[event.condition_id]
        assert at <= event.at <= market.resolves_at
        assert market.starts_at <= event.at
        at = event.at
        if isinstance(event, Snapshot):
            seen[event.condition_id] += 1
            assert all(x.price % market.tick_size == 0 for x in event.bids + event.asks)
            assert max(len(event.bids), len(event.asks)) <= 20
    assert sum(seen.values()) > 19_000
    assert min(seen[condition_id] for condition_id in markets) > 850


def test_shipped_whale_orders_took_only_what_disappeared() -> None:
    for order, before, after in shipped_orders():
        is_ask_side = (order.side is Side.BUY) == (order.outcome_index == 0)
        if order.is_maker:
            is_ask_side = not is_ask_side
        old = {x.price: x.size for x in (before.asks if is_ask_side else before.bids)}
        new = {x.price: x.size for x in (after.asks if is_ask_side else after.bids)}
        taken: Counter[int] = Counter()
        for fill in order.fills:
            taken[fill.price if order.outcome_index == 0 else MICROS - fill.price] += fill.size
        for price, size in taken.items():
            assert size <= old[price] - new.get(price, 0), order
        assert after.at - before.at <= 2_500
        assert order.at == after.at


def test_shipped_whales_are_many_large_and_different() -> None:
    orders = [order for order, _, _ in shipped_orders()]
    assert [o.number for o in orders] == list(range(1, len(orders) + 1))
    assert sum(notional(o) >= 1_000 * MICROS for o in orders) >= 200
    assert len({o.wallet for o in orders}) >= 6
    assert {o.condition_id for o in orders} == {m.condition_id for m in shipped().markets}
    assert sum(o.is_maker for o in orders) >= 20
    assert sum(10 <= len(o.fills) <= 100 for o in orders) >= 20
    assert sum(o.side is Side.SELL for o in orders) >= 10
    prices = [notional(o) * MICROS // sum(f.size for f in o.fills) for o in orders]
    inside = sum(50_000 <= price <= 950_000 for price in prices)
    assert 0.9 * len(orders) < inside < len(orders)
    late = sum(market_of(o).ends_at - o.at < 180_000 for o in orders)
    assert 0 < late < 0.1 * len(orders)


def test_shipped_whales_never_sell_more_than_they_hold() -> None:
    held: Counter[tuple[str, str, int]] = Counter()
    for order, _, _ in shipped_orders():
        key = (order.wallet, order.condition_id, order.outcome_index)
        size = sum(fill.size for fill in order.fills)
        held[key] += size if order.side is Side.BUY else -size
        assert held[key] >= 0
        assert order.at < market_of(order).ends_at or order.side is Side.BUY


def test_skill_shows_in_what_shipped_whales_buy() -> None:
    bought: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for order, _, _ in shipped_orders():
        if order.side is Side.BUY:
            bought[skill_of(order)] += notional(order)
            is_won = market_of(order).payouts[order.outcome_index] > 0
            won[skill_of(order)] += notional(order) if is_won else 0
    share = {skill: won[skill] / bought[skill] for skill in bought}
    assert share["skilful"] > 0.7 > share["mediocre"] > 0.4 > share["bad"]


def test_skill_shows_in_the_past_of_shipped_whales() -> None:
    day = 86_400_000
    starts_at = shipped().header.starts_at
    for wallet in shipped().wallets:
        first, last = wallet.history[0], wallet.history[-1]
        assert last.closed_at < starts_at
        is_long = len(wallet.history) >= 60 and starts_at - first.opened_at >= 90 * day
        assert is_long == (wallet.skill != "unproven")
        gained = sum(t.pnl for t in wallet.history) / sum(t.notional for t in wallet.history)
        if wallet.skill == "skilful":
            assert gained > 0.2
        if wallet.skill == "mediocre":
            assert -0.1 < gained < 0.1
        if wallet.skill == "bad":
            assert gained < -0.1


def test_the_first_two_shipped_markets_make_a_demonstration() -> None:
    demo = {m.condition_id for m in shipped().markets[:2]}
    orders = [o for o in shipped_orders() if o[0].condition_id in demo]
    skilful = [o for o, _, _ in orders if skill_of(o) == "skilful"]
    assert len(orders) >= 12
    assert len({o.wallet for o in skilful}) >= 3
    assert any(o.side is Side.SELL for o in skilful)
    assert any(o.is_maker for o in skilful)
    assert any(len(o.fills) >= 10 for o in skilful)


def test_the_first_order_worth_copying_comes_within_three_minutes() -> None:
    order = next(
        order
        for order, _, after in shipped_orders()
        if skill_of(order) == "skilful"
        and notional(order) >= 1_000 * MICROS
        and all(50_000 <= fill.price <= 950_000 for fill in order.fills)
        and after.asks[0].price - after.bids[0].price <= 30_000
    )
    assert order.at - shipped().header.starts_at <= 180_000
    assert market_of(order).ends_at - order.at > 600_000
