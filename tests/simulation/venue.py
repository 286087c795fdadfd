"""The venue, which is the truth: whole numbers of micro-units, and nothing of ours in it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

MICROS = 1_000_000
ENDED = frozenset({"MATCHED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class Asked:
    """An order as it arrives: micro-shares, and micro-USD per share."""

    order_hash: str
    market: str
    token: str
    is_buy: bool
    size: int
    price: int
    kind: str  # FAK, FOK, GTC


@dataclass(slots=True)
class Trade:
    """One match of an order; it is money only once CONFIRMED."""

    trade_id: str
    order: "Order"
    size: int
    cost: int
    fee: int
    matched_at: int
    status: str = "MATCHED"
    transaction: str = ""
    log: list[tuple[int, str, str]] = field(default_factory=list)  # when, status, transaction

    @property
    def is_final(self) -> bool:
        return self.status in ("CONFIRMED", "FAILED")


@dataclass(slots=True)
class Order:
    """An order on our books: booked once by its hash, for ever."""

    asked: Asked
    booked_at: int
    state: str = "LIVE"
    matched: int = 0
    trades: list[Trade] = field(default_factory=list)
    log: list[tuple[int, str, int]] = field(default_factory=list)  # when, state, matched
    lives_on: bool = False  # it said that it was cancelled, and was not

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def leaves(self) -> int:
        return 0 if self.is_ended else self.asked.size - self.matched


@dataclass(slots=True)
class Quote:
    """One token's best prices, in micro-USD; what stands behind them is drawn at each match."""

    bid: int
    ask: int


@dataclass(slots=True)
class Chances:
    """How often what goes wrong at the venue itself, as shares of all cases."""

    partial: float = 0.0
    unfilled: float = 0.0
    split: float = 0.0
    retrying: float = 0.0
    failed: float = 0.0  # of the retrying ones
    slow: float = 0.0
    race: float = 0.0
    ignored: float = 0.0


Watcher = Callable[[str, Order, Trade | None], None]


class Venue:
    """Books, matches and settles orders. `watch` is told of every change as it happens."""

    def __init__(self, rng: random.Random, now: Callable[[], int], later: Callable[..., object]):
        self._rng = rng
        self._now = now
        self._later = later
        self.chances = Chances()
        self.orders: dict[str, Order] = {}
        self.awaited: set[str] = set()  # taken, but not booked yet
        self.trades: list[Trade] = []
        self.quotes: dict[str, Quote] = {}
        self.payouts: dict[str, tuple[int, ...]] = {}  # of resolved markets, micro-USD per share
        self.paid: set[str] = set()  # tokens whose holders were paid
        self.worth: dict[str, int] = {}  # of a paid token
        self.cash = 0
        self.shares: dict[str, int] = {}
        self.fee_rate = 0  # in 1/10,000
        self.is_quiet = False
        self.watch: list[Watcher] = []

    # Orders

    def knows(self, order_hash: str) -> bool:
        return order_hash in self.orders or order_hash in self.awaited

    def book(self, asked: Asked, *, state: str = "LIVE") -> Order:
        """Book an order; the same hash is never booked twice."""
        assert asked.order_hash not in self.orders, "expected each hash once"
        self.awaited.discard(asked.order_hash)
        order = Order(asked, self._now(), state)
        self.orders[asked.order_hash] = order
        self._note(order, "booked")
        return order

    def await_order(self, asked: Asked, micros: int) -> None:
        """Take an order in that is worked only later."""
        self.awaited.add(asked.order_hash)
        self._later(micros, self._book_late, asked)

    def _book_late(self, asked: Asked) -> None:
        self.work(self.book(asked))

    def delay(self, asked: Asked, micros: int) -> Order:
        """Book an order whose match comes later."""
        order = self.book(asked, state="DELAYED")
        self._later(micros, self.work, order)
        return order

    def work(self, order: Order) -> int:
        """Let an order meet the book; return the micro-shares matched."""
        if order.is_ended:
            return 0
        order.state = "LIVE"
        given = self._given(order)
        if order.asked.kind == "FOK" and given < order.asked.size:
            given = 0
        if given:
            self._match(order, given)
        if order.state == "LIVE" and order.asked.kind != "GTC":
            self._end(order, "CANCELLED")
        elif not order.is_ended:
            self._note(order, "placed")
            self._later(self._rng.randrange(100_000, 40 * MICROS), self._trickle, order)
        return given

    def _given(self, order: Order) -> int:
        """Return what the book gives within the order's price, in hundredths of a share."""
        quote = self.quotes[order.asked.token]
        price = quote.ask if order.asked.is_buy else quote.bid
        is_met = price <= order.asked.price if order.asked.is_buy else price >= order.asked.price
        if not is_met or order.asked.market in self.payouts:
            return 0
        dice = self._dice()
        if dice < self.chances.unfilled:
            return 0
        if dice < self.chances.unfilled + self.chances.partial:
            return self._part(order.leaves)
        return order.leaves

    def _trickle(self, order: Order) -> None:
        """Fill (a part of) what rests, now and then."""
        if order.is_ended or order.asked.market in self.payouts:
            return
        if self._rng.random() < 0.6:
            self._match(
                order, order.leaves if self._rng.random() < 0.5 else self._part(order.leaves)
            )
        if not order.is_ended:
            self._later(self._rng.randrange(MICROS, 20 * MICROS), self._trickle, order)

    def _part(self, size: int) -> int:
        return size * self._rng.randrange(1, 10) // 10 // 10_000 * 10_000

    def cancel(self, order_hash: str) -> bool:
        """Cancel a resting order, and say whether we did; others may be faster."""
        order = self.orders.get(order_hash)
        if order is None or order.is_ended or order.state == "DELAYED":
            return False
        if self._dice() < self.chances.race:
            self._match(order, self._part(order.leaves) or order.leaves)
            if order.is_ended:
                return self._rng.random() < 0.5
        if self._dice() < self.chances.ignored and not order.lives_on:
            order.lives_on = True
            return True
        self._end(order, "CANCELLED")
        return True

    def _match(self, order: Order, size: int) -> None:
        if size <= 0:
            return
        quote = self.quotes[order.asked.token]
        best = quote.ask if order.asked.is_buy else quote.bid
        price = min(best, order.asked.price) if order.asked.is_buy else order.asked.price
        if not order.asked.is_buy and best > price:
            price = best
        order.matched += size
        for part in self._parts(size):
            self._trade(order, part, price)
        if order.matched >= order.asked.size:
            self._end(order, "MATCHED")
        else:
            self._note(order, "updated")

    def _parts(self, size: int) -> list[int]:
        if self._dice() >= self.chances.split or size < 30_000:
            return [size]
        first = size * self._rng.randrange(1, 9) // 10 // 10_000 * 10_000 or 10_000
        return [part for part in (first, size - first) if part]

    def _end(self, order: Order, state: str) -> None:
        order.state = state
        self._note(order, "ended")

    def _note(self, order: Order, what: str) -> None:
        order.log.append((self._now(), order.state, order.matched))
        self._tell(what, order, None)

    def _tell(self, what: str, order: Order, trade: Trade | None) -> None:
        for watcher in self.watch:
            watcher(what, order, trade)

    # Settlement

    def _trade(self, order: Order, size: int, price: int) -> None:
        cost = size * price // MICROS
        trade = Trade(
            f"t{len(self.trades) + 1}", order, size, cost, self._fee(size, price), self._now()
        )
        self.trades.append(trade)
        order.trades.append(trade)
        self._move(trade, "MATCHED")
        wait = self._rng.randrange(200_000, 3 * MICROS)
        if self._dice() < self.chances.slow:
            wait += self._rng.randrange(20 * MICROS)
        if self._dice() < self.chances.retrying:
            self._later(wait, self._retry, trade)
        else:
            self._later(wait, self._mine, trade)

    def _fee(self, size: int, price: int) -> int:
        """Return the taker's fee in micro-USD, rounded half-up to a thousandth of a cent."""
        exact = size * self.fee_rate * price * (MICROS - price)
        step = 10**17  # a thousandth of a cent in the units of `exact`
        return (exact + step // 2) // step * 10

    def _retry(self, trade: Trade) -> None:
        self._move(trade, "RETRYING")
        wait = self._rng.randrange(200_000, 4 * MICROS)
        if self._dice() < self.chances.failed:
            self._later(wait, self._fail, trade)
        else:
            self._later(wait, self._mine, trade)

    def _fail(self, trade: Trade) -> None:
        self._move(trade, "FAILED")

    def _mine(self, trade: Trade) -> None:
        trade.transaction = f"0x{self._rng.getrandbits(64):016x}"
        self._move(trade, "MINED")
        self._later(self._rng.randrange(200_000, 3 * MICROS), self._confirm, trade)

    def _confirm(self, trade: Trade) -> None:
        token, is_buy = trade.order.asked.token, trade.order.asked.is_buy
        sign = 1 if is_buy else -1
        self.shares[token] = self.shares.get(token, 0) + sign * trade.size
        self.cash -= sign * trade.cost + trade.fee
        self._move(trade, "CONFIRMED")
        if token in self.paid:
            self._redeem(token)

    def _move(self, trade: Trade, status: str) -> None:
        trade.status = status
        trade.log.append((self._now(), status, trade.transaction))
        self._tell("trade", trade.order, trade)

    # Resolution

    def resolve(self, market: str, payouts: dict[str, int], pays_after: int) -> None:
        """Close a market: nothing rests in it any more, and holders are paid a little later."""
        self.payouts[market] = tuple(payouts.values())
        for order in self.orders.values():
            if order.asked.market == market and not order.is_ended:
                self._end(order, "CANCELLED")
        self._later(pays_after, self._pay, payouts)

    def _pay(self, payouts: dict[str, int]) -> None:
        for token, worth in payouts.items():
            self.paid.add(token)
            self.worth[token] = worth
            self._redeem(token)

    def _redeem(self, token: str) -> None:
        self.cash += self.shares.get(token, 0) * self.worth[token] // MICROS
        self.shares[token] = 0

    # What readers see

    def order_at(self, order_hash: str, at: int) -> tuple[str, int] | None:
        """Return an order's state and matched size as they were at a time."""
        order = self.orders.get(order_hash)
        if order is None:
            return None
        seen = None
        for when, state, matched in order.log:
            if when > at:
                break
            seen = (state, matched)
        return seen

    def trades_at(self, market: str, since: int, at: int) -> list[tuple[Trade, str, str]]:
        """Return a market's trades since a time with status and transaction as they were."""
        found = []
        for trade in self.trades:
            if trade.order.asked.market != market or trade.matched_at < since:
                continue
            if trade.matched_at > at:
                break
            status, transaction = "MATCHED", ""
            for when, told, hashed in trade.log:
                if when > at:
                    break
                status, transaction = told, hashed
            found.append((trade, status, transaction))
        return found

    def _dice(self) -> float:
        return 1.0 if self.is_quiet else self._rng.random()
