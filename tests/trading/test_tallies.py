"""What the sources report of one whale's trade in one transaction."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from tests.trading.scene import NOW, shares, whale_fill
from trading.tallies import Report, Tally, key_of
from trading.types import SignalId, Source, WhaleFill


def tally() -> Tally:
    return Tally(touched_at=NOW, traded_at=NOW - timedelta(hours=1))


def log(size: str, index: int, block: int = 7) -> WhaleFill:
    fill = whale_fill(size)
    return replace(fill, source=Source.CHAIN, log_index=index, block_number=block)


def test_one_sources_fills_add_up() -> None:
    known = tally()
    assert known.add(whale_fill("100", "0.40"))
    assert known.add(whale_fill("100", "0.40"))  # two equal rows are two fills
    assert known.best == Report(Decimal(200), Decimal(80), 2)
    assert known.surplus == 200
    assert known.traded_at == whale_fill().traded_at


def test_sources_are_merged_and_never_added() -> None:
    known = tally()
    known.add(whale_fill("60"))
    assert known.add(log("100", 1))
    assert not known.add(whale_fill("40"))
    assert known.best.size == 100
    assert known.best.fill_count == 1  # at equal size the chain is believed


def test_a_log_counts_once() -> None:
    known = tally()
    assert known.add(log("100", 1))
    assert not known.add(log("100", 1))
    assert known.add(log("100", 2))
    assert known.best.size == 200


def test_what_is_settled_leaves_no_surplus() -> None:
    known = tally()
    known.add(whale_fill("60"))
    known.settle(SignalId("s"))
    assert known.surplus == 0
    assert not known.add(log("60", 1))
    assert known.add(log("5", 2))
    assert known.surplus == 5
    assert (known.ordinal, known.signal_ids) == (1, ["s"])


def test_dropped_fills_are_settled_without_a_signal() -> None:
    known = tally()
    known.add(whale_fill("60"))
    known.settle(None)
    assert known.surplus == 0
    assert known.ordinal == 0


def test_a_removed_log_takes_the_other_sources_word_with_it() -> None:
    known = tally()
    known.add(whale_fill("100"))
    known.add(log("40", 1))
    known.add(log("60", 2))
    assert known.take_back(replace(log("60", 2), removed=True))
    assert known.best.size == 40
    assert known.surplus == 40


def test_an_unknown_log_cannot_be_taken_back() -> None:
    known = tally()
    known.add(log("40", 1))
    assert not known.take_back(log("40", 2))
    assert not known.take_back(log("40", 1, block=8))
    assert not known.take_back(whale_fill("40"))
    assert known.best.size == 40


def test_a_transaction_mined_again_replaces_its_logs() -> None:
    known = tally()
    known.add(log("40", 1))
    known.settle(SignalId("s"))
    assert not known.add(log("40", 5, block=8))
    assert known.best.size == 40
    assert not known.take_back(replace(log("40", 1), removed=True))


def test_a_tally_without_reports_is_empty() -> None:
    assert tally().best == Report()
    assert tally().surplus == 0


def test_the_key_is_what_every_source_knows() -> None:
    assert key_of(log("1", 1)) == key_of(whale_fill("2", "0.9"))
    assert key_of(whale_fill()) != key_of(replace(whale_fill(), transaction_hash="0x02"))
    assert shares("1") == whale_fill("1").size
