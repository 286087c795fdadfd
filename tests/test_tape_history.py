"""The shipped tape as a history, and the fills of a look back against a book walked by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest

from backtest.plan import Plan
from backtest.port import BookSeen, FillSeen, MarketListed, MarketResolved
from backtest.records import CopyFill
from backtest.replay import Replayed, replay
from paper.model import Side as TapeSide
from paper.tape import SHIPPED, Snapshot, Tape, WhaleOrder, open_tape
from tape_history import TapeHistory
from trading.profiles import replay as replay_rules
from trading.types import Side

MICROS = 1_000_000


@pytest.fixture(scope="module")
def tape() -> Tape:
    return open_tape(SHIPPED)


@pytest.fixture(scope="module")
def history(tape: Tape) -> TapeHistory:
    return TapeHistory(tape)


@pytest.fixture(scope="module")
def found(history: TapeHistory) -> Replayed:
    return replay(history, Plan(rules=replay_rules(Decimal(1))))


@dataclass(frozen=True, slots=True)
class Taken:
    """What a hand-walked order gives and gets, in micros."""

    levels: tuple[tuple[int, int], ...]
    cost: int  # micros of micros
    fee: int  # hundred-thousandths of a dollar


def walked_by_hand(
    book: Snapshot, taken: dict[tuple[bool, int], int], order: CopyFill, *, is_second: bool
) -> Taken:
    """Take from the recorded book in whole micros, without a line of the product's own code.

    A buyer of the second outcome at p meets the first's bids at 1 - p; `taken` is what earlier
    orders of ours took of the same book, by (is an ask of the first outcome, price).
    """
    is_buy = order.side is Side.BUY
    meets_asks = is_buy != is_second
    rows = book.asks if meets_asks else book.bids
    limit, left = micros(order.limit_price), micros(order.asked)
    got: list[tuple[int, int]] = []
    for row in rows:
        price = MICROS - row.price if is_second else row.price
        rest = row.size - taken.get((meets_asks, row.price), 0)
        if rest <= 0 or left == 0:
            continue
        if price > limit if is_buy else price < limit:
            break
        size = min(rest, left)
        taken[meets_asks, row.price] = taken.get((meets_asks, row.price), 0) + size
        got.append((price, size))
        left -= size
    fees = [
        (Decimal(7 * size * price * (MICROS - price)) / 100 / MICROS**3).quantize(
            Decimal("0.00001"), ROUND_HALF_UP
        )
        for price, size in got
    ]
    cost = sum(price * size for price, size in got)
    return Taken(tuple(got), cost, int(sum(fees) * 100_000))


def micros(number: Decimal) -> int:
    return int(number * MICROS)


def books_in_force(tape: Tape, fills: tuple[CopyFill, ...]) -> Iterator[tuple[CopyFill, Snapshot]]:
    """Yield each fill of ours, in time, with the last book recorded at or before it."""
    waiting = sorted(fills, key=lambda fill: fill.at)
    books: dict[str, Snapshot] = {}
    for event in tape.events():
        while waiting and waiting[0].at < moment(event.at):
            yield waiting[0], books[waiting[0].condition_id]
            del waiting[0]
        if isinstance(event, Snapshot):
            books[event.condition_id] = event
    yield from ((fill, books[fill.condition_id]) for fill in waiting)


def moment(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms // 1000, UTC).replace(microsecond=unix_ms % 1000 * 1000)


def test_every_fill_equals_the_book_walked_by_hand_to_the_cent(tape: Tape, found: Replayed) -> None:
    assert len(found.fills) > 20
    shown: dict[str, Snapshot] = {}
    taken: dict[str, dict[tuple[bool, int], int]] = {}
    bought_and_sold = {Side.BUY: 0, Side.SELL: 0}
    for fill, book in books_in_force(tape, found.fills):
        name = fill.condition_id
        if shown.get(name) is not book:
            shown[name], taken[name] = book, {}
        is_second = fill.token_id.endswith("/1")
        expected = walked_by_hand(book, taken[name], fill, is_second=is_second)
        levels = tuple((micros(level.price), micros(level.size)) for level in fill.levels)
        assert levels == expected.levels, fill
        assert fill.cost * MICROS * MICROS == expected.cost
        assert fill.fee * 100_000 == expected.fee
        bought_and_sold[fill.side] += expected.cost
    assert min(bought_and_sold.values()) > 0


def test_the_money_adds_up_to_the_cent(found: Replayed) -> None:
    cash = Decimal(Plan().bankroll)
    for fill in found.fills:
        cash += (fill.cost if fill.side is Side.SELL else -fill.cost) - fill.fee
    paid = sum((o.pnl - (o.sold - o.bought - o.fees) for o in found.outcomes), Decimal(0))
    assert all(outcome.closed_at is not None for outcome in found.outcomes)
    assert found.equity[-1].equity == cash + paid
    assert found.equity[-1].realised == sum(o.pnl for o in found.outcomes)


def test_every_whale_order_of_the_tape_is_judged_once(tape: Tape, found: Replayed) -> None:
    orders = [event for event in tape.events() if isinstance(event, WhaleOrder)]
    assert len(found.verdicts) == len(orders)
    assert len({verdict.signal_id for verdict in found.verdicts}) == len(orders)
    sales = sum(order.side is TapeSide.SELL for order in orders)
    assert sum(verdict.side is Side.SELL for verdict in found.verdicts) == sales


def test_the_history_tells_every_market_once_and_in_time(history: TapeHistory) -> None:
    events = list(history.events())
    assert [e.at for e in events] == sorted(e.at for e in events)
    listed = [e.market.condition_id for e in events if isinstance(e, MarketListed)]
    settled = [e.condition_id for e in events if isinstance(e, MarketResolved)]
    assert len(listed) == len(set(listed)) == 18
    assert set(settled) == set(listed)
    assert len(settled) == 18
    assert history.origin.ends_at >= events[-1].at
    assert any("invented" in note for note in history.origin.notes)


def test_the_second_outcomes_book_is_the_mirror_of_the_first(history: TapeHistory) -> None:
    market = next(e.market for e in history.events() if isinstance(e, MarketListed))
    seen = next(e for e in history.events() if isinstance(e, BookSeen))
    first, second = (seen.view.book(token_id) for token_id in market.token_ids)
    assert second.asks[0].price == 1 - first.bids[0].price
    assert second.asks[0].size == first.bids[0].size
    assert len(second.bids) == len(first.asks)


def test_wallets_have_their_names_and_pasts(history: TapeHistory) -> None:
    assert set(history.names) == set(history.pasts)
    assert "kestrel" in history.names.values()
    wallets = {e.fill.wallet for e in history.events() if isinstance(e, FillSeen)}
    assert wallets <= set(history.names)
    assert all(wallet == wallet.lower() for wallet in wallets)
