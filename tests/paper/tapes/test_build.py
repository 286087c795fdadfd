"""Tests of building the shipped tape."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from paper.model import MICROS, Dialect, Level
from paper.tape import Snapshot, WhaleOrder, open_tape
from paper.tapes.build import (
    LEAD_MS,
    SHIPPED,
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


def test_the_shipped_tape_is_where_the_script_puts_it() -> None:
    assert open_tape(SHIPPED).header.name.startswith("Bitcoin")
