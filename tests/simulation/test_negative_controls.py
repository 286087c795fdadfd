"""Eight planted bugs, each caught; the same seeds and cases are clean without them."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

import pytest

from tests.simulation.plants import PLANTS, first_caught, put
from tests.simulation.scenario import Play
from trading import amounts
from trading.aggregate import Aggregator
from trading.amounts import OrderAmounts, OrderTerms
from trading.rules import AggregationRules
from trading.types import (
    OrderType,
    Price,
    Shares,
    Side,
    Source,
    TokenId,
    Wallet,
    WhaleFill,
)

SEEDS = range(400)
CASES = range(200)
WHALE = Wallet("0x" + "b2" * 20)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_a_planted_bug_is_caught_and_its_seed_is_clean_without_it(name: str) -> None:
    plant, signs = PLANTS[name]
    caught = first_caught(plant, SEEDS, signs)
    assert caught is not None, f"expected {name} to be seen within {len(SEEDS)} seeds"
    seed, _ = caught
    assert Play(seed).run().violations == []


def test_counting_a_transaction_once_loses_fills_of_a_whale() -> None:
    assert not any(_lost_fills(case) for case in CASES)
    with _deduped_by_transaction():
        assert any(_lost_fills(case) for case in CASES)


def _lost_fills(case: int) -> bool:
    """Tell whether the signals of one random whale order miss or double some of its shares."""
    rng = random.Random(case)
    aggregator, told = Aggregator(AggregationRules()), Decimal(0)
    fills = [_fill(n, rng.randrange(1, 3), rng.randrange(1, 500)) for n in range(rng.randrange(9))]
    heard = [fill for fill in fills for _ in range(rng.choice((1, 1, 2)))]
    rng.shuffle(heard)
    for fill in heard:
        told += sum(f.signal.size for f in aggregator.feed(fill, NOW).signals)
    told += sum(f.signal.size for f in aggregator.due(NOW + timedelta(seconds=5)).signals)
    return told != sum(fill.size for fill in fills)


def _fill(log_index: int, transaction: int, size: int) -> WhaleFill:
    return WhaleFill(
        wallet=WHALE,
        token_id=TokenId("7"),
        side=Side.BUY,
        size=Shares(Decimal(size)),
        price=Price(Decimal("0.5")),
        transaction_hash=f"0x{transaction}",
        traded_at=NOW,
        source=Source.CHAIN,
        seen_at=NOW,
        log_index=log_index,
    )


@contextmanager
def _deduped_by_transaction() -> Iterator[None]:
    feed = Aggregator.feed
    seen: dict[int, set[str]] = {}

    def planted(self: Aggregator, fill: WhaleFill, now: datetime) -> object:
        known = seen.setdefault(id(self), set())
        if fill.transaction_hash in known:
            return self.due(now)
        known.add(fill.transaction_hash)
        return feed(self, fill, now)

    with put(Aggregator, "feed", planted):
        yield


def test_amounts_in_floats_do_not_sign_what_was_decided() -> None:
    assert not any(_is_wrong(case, amounts.order_amounts) for case in CASES)
    assert any(_is_wrong(case, _float_amounts) for case in CASES)


def _is_wrong(case: int, build: Callable[[OrderTerms], OrderAmounts]) -> bool:
    """Tell whether a sale of an exact lot signs another lot, or another price than it says."""
    rng = random.Random(case)
    size = Shares(Decimal(rng.randrange(500, 100_000)) / 100)
    price = Price(Decimal(rng.randrange(1, 100)) / 100)
    terms = OrderTerms(Side.SELL, size, price, Price(Decimal("0.01")), OrderType.FAK)
    made = build(terms)
    exact = int(size * 1_000_000), int(size * price * 1_000_000)
    return (made.maker_amount, made.taker_amount) != exact or made.size != size


def _float_amounts(terms: OrderTerms) -> OrderAmounts:
    size = float(terms.size) * 100 // 1 / 100
    made = amounts.order_amounts(terms)
    taker = int(size * float(terms.price) * 1_000_000)
    kept = Shares(Decimal(str(size)).quantize(Decimal("0.01"), ROUND_FLOOR))
    return replace(made, maker_amount=int(size * 1_000_000), taker_amount=taker, size=kept)
