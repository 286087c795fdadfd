"""Exits of the look back: stops, targets and the whale's own sales, down the ladder until sold."""

from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from backtest.entries import World
from backtest.lots import Leaving, Lot
from backtest.records import CopyFill
from trading.amounts import SIZE_STEP, OrderAmounts, OrderTerms, order_amounts
from trading.book import walk
from trading.exits import exit_price, read_exit
from trading.types import ConditionId, ExitReason, OrderType, Shares, Side

RETRY_FIRST = timedelta(seconds=1)
RETRY_MAX = timedelta(seconds=30)
_DOUBLINGS_MAX = 5


class ExitDesk:
    """Sells what must go. One exit of a position at a time; it ends when that is sold or paid."""

    def __init__(self, world: World) -> None:
        self._world = world

    def look(self, condition_id: ConditionId, now: datetime) -> None:
        """Mark every position in a market and begin the exits that are due."""
        rules = self._world.rules.exits
        for lot in self._world.ledger.lots_in(condition_id):
            book = self._world.pit.book(lot.token_id, now)
            if book is None:
                continue
            read = read_exit(book, lot.size, now, rules)
            if book.bids:
                lot.mark = book.bids[0].price
            reason = lot.look(read, rules)
            if reason is not None and lot.leaving is None:
                self.begin(lot, reason, lot.size, now)

    def begin(self, lot: Lot, reason: ExitReason, size: Shares, now: datetime) -> None:
        """Begin to sell; what the running exit already sells is not sold twice."""
        if lot.leaving is None:
            lot.leaving = Leaving(reason, lot.level(reason), size)
            self._send(lot, now)
        else:
            lot.leaving.left = max(lot.leaving.left, size)

    def _send(self, lot: Lot, now: datetime) -> None:
        leaving = lot.leaving
        if leaving is None or lot.is_over:
            return
        size = Shares(min(leaving.left, lot.size).quantize(SIZE_STEP, ROUND_FLOOR))
        if size < max(lot.market.min_size, SIZE_STEP):
            lot.leaving = None  # too small to sell: it stays until the market pays
            return
        order = self._price(lot, leaving, size, now)
        if order is None:
            self._rest(lot, leaving, now)
            return
        leaving.attempts += 1
        key = f"{lot.whale}/{lot.token_id}/{lot.opened_at.isoformat()}/{len(lot.fills)}"
        arrives_at = now + self._world.delays.of(f"{key}/{leaving.attempts}")
        self._world.agenda.at(arrives_at, lambda at: self._meet(lot, order, now, at))

    def _price(
        self, lot: Lot, leaving: Leaving, size: Shares, now: datetime
    ) -> OrderAmounts | None:
        book = self._world.pit.book(lot.token_id, now)
        if book is None or not book.bids:
            return None
        rules = self._world.rules.exits
        trigger = leaving.trigger or book.bids[0].price
        step = min(leaving.attempts, len(rules.ladder))
        price = exit_price(trigger, step, book.tick_size, rules)
        assert price is not None, f"expected step {step} to be on the ladder"
        terms = OrderTerms(Side.SELL, size, price, book.tick_size, OrderType.FAK)
        return order_amounts(terms)

    def _meet(self, lot: Lot, order: OrderAmounts, sent_at: datetime, now: datetime) -> None:
        leaving = lot.leaving
        book = self._world.pit.book(lot.token_id, now)
        if lot.is_over or leaving is None:
            return  # the market paid while the order was on its way
        walked = None if book is None else walk(book, Side.SELL, order.size, order.price)
        if book is None or walked is None or not walked.fills:
            self._rest(lot, leaving, now)
            return
        fill = CopyFill(
            key=f"{lot.whale}/{lot.token_id}/{lot.opened_at.isoformat()}/{len(lot.fills)}",
            at=now,
            sent_at=sent_at,
            book_at=book.at,
            whale=lot.whale,
            condition_id=lot.market.condition_id,
            token_id=lot.token_id,
            side=Side.SELL,
            asked=order.size,
            limit_price=order.price,
            levels=walked.fills,
            cost=walked.cost,
            fee=walked.fee(lot.market.fees),
            reason=leaving.reason,
        )
        self._world.pit.take(lot.token_id, Side.SELL, walked)
        self._world.ledger.book(fill, lot.market)
        leaving.left = max(leaving.left - walked.size, Decimal(0))
        leaving.fruitless = 0
        self._send(lot, now)

    def _rest(self, lot: Lot, leaving: Leaving, now: datetime) -> None:
        """Try again later, and more slowly while nothing sells."""
        pause = min(RETRY_FIRST * 2 ** min(leaving.fruitless, _DOUBLINGS_MAX), RETRY_MAX)
        leaving.fruitless += 1
        self._world.agenda.at(now + pause, lambda at: self._send(lot, at))
