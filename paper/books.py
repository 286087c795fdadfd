"""A market's book: the recorded levels less what was taken from them, and clients' orders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from paper.matching import Offer
from paper.model import Level, Side

LOT = 10_000  # recorded sizes are rounded down to 0.01 share, the step in which orders are sized


@dataclass(slots=True)
class Resting:
    """A client's order in the book; `side` and `price` are in the first outcome's terms."""

    order_id: str
    side: Side
    price: int
    leaves: int
    ahead: int = 0  # recorded size that is served before it


def opposite(side: Side) -> Side:
    """Return the side that a side trades with."""
    return Side.SELL if side is Side.BUY else Side.BUY


@dataclass(slots=True)
class _Half:
    recorded: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)
    resting: dict[int, list[Resting]] = field(default_factory=dict)
    shown: dict[int, int] = field(default_factory=dict)  # as last told to readers
    touched: set[int] = field(default_factory=set)

    def visible(self, price: int) -> int:
        return max(0, self.recorded.get(price, 0) - self.taken.get(price, 0))

    def size(self, price: int) -> int:
        return self.visible(price) + sum(order.leaves for order in self.resting.get(price, ()))

    def record(self, levels: Sequence[Level]) -> None:
        now = {level.price: level.size - level.size % LOT for level in levels}
        before, self.recorded = self.recorded, now
        for price in before.keys() | now.keys():
            old, new = before.get(price, 0), now.get(price, 0)
            if old != new:
                self._resize(price, old, new)

    def take(self, price: int, size: int) -> None:
        self.taken[price] = self.taken.get(price, 0) + size
        self.pass_queue(price, size)
        self.touched.add(price)

    def pass_queue(self, price: int, size: int) -> None:
        for order in self.resting.get(price, ()):
            order.ahead = max(0, order.ahead - size)

    def offers(self, price: int) -> Iterator[Offer]:
        visible, served = self.visible(price), 0
        for order in tuple(self.resting.get(price, ())):
            before = min(visible, order.ahead) - served
            if before > 0:
                yield Offer(price, before)
                served += before
            yield Offer(price, order.leaves, order.order_id)
        if visible > served:
            yield Offer(price, visible - served)

    def prices(self) -> set[int]:
        return self.recorded.keys() | self.resting.keys()

    def levels(self) -> dict[int, int]:
        sizes = {price: self.size(price) for price in self.prices()}
        return {price: size for price, size in sizes.items() if size}

    def _resize(self, price: int, old: int, new: int) -> None:
        taken = 0 if new > old else min(self.taken.get(price, 0), new)
        if taken:
            self.taken[price] = taken
        else:
            self.taken.pop(price, None)
        for order in self.resting.get(price, ()):
            order.ahead = min(order.ahead, self.visible(price))
        self.touched.add(price)


class MarketBook:
    """One market's book in the first outcome's terms; the second outcome's is its mirror.

    What was taken from a recorded level stays subtracted until a snapshot shows more there than
    the snapshot before it: then the level counts as filled up again and nothing is subtracted.
    Where the recorded size falls, no more is subtracted than is left.
    """

    def __init__(self) -> None:
        self._halves = {Side.BUY: _Half(), Side.SELL: _Half()}
        self._orders: dict[str, Resting] = {}

    def record(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Take over a snapshot of the recorded book."""
        self._halves[Side.BUY].record(bids)
        self._halves[Side.SELL].record(asks)

    def visible(self, side: Side, price: int) -> int:
        """Return the recorded size at a price that nobody here has taken."""
        return self._halves[side].visible(price)

    def levels(self, side: Side) -> tuple[Level, ...]:
        """Return what a reader sees of one side, best first."""
        sizes = self._halves[side].levels()
        return tuple(
            Level(price, sizes[price]) for price in sorted(sizes, reverse=side is Side.BUY)
        )

    def best(self, side: Side) -> int | None:
        """Return the best price of one side."""
        half = self._halves[side]
        prices = sorted(half.prices(), reverse=side is Side.BUY)
        return next((price for price in prices if half.size(price)), None)

    def mid(self) -> int | None:
        """Return the mid-price, rounded down to a micro, where both sides have a price."""
        bid, ask = self.best(Side.BUY), self.best(Side.SELL)
        return None if bid is None or ask is None else (bid + ask) // 2

    def offers(self, taker: Side, limit: int) -> Iterator[Offer]:
        """Yield what an order of side `taker` may trade with down to its limit, in priority."""
        half = self._halves[opposite(taker)]
        for price in sorted(half.prices(), reverse=taker is Side.SELL):
            if (price > limit) if taker is Side.BUY else (price < limit):
                return
            yield from half.offers(price)

    def take(self, side: Side, price: int, size: int) -> None:
        """Subtract recorded size that was traded with."""
        self._halves[side].take(price, size)

    def restore_taken(self, side: Side, price: int, size: int) -> None:
        """Subtract again what was taken before a restart, from the same snapshot."""
        self._halves[side].taken[price] = size

    def taken(self) -> Iterator[tuple[Side, int, int]]:
        """Yield (side, price, size) of all that is subtracted now."""
        for side, half in self._halves.items():
            for price, size in half.taken.items():
                yield side, price, size

    def pass_queue(self, side: Side, price: int, size: int) -> None:
        """Let orders at a price move up by what recorded wallets traded there."""
        self._halves[side].pass_queue(price, size)

    def place(self, order: Resting) -> None:
        """Rest an order behind all that is shown at its price."""
        half = self._halves[order.side]
        order.ahead = half.visible(order.price)
        half.resting.setdefault(order.price, []).append(order)
        half.touched.add(order.price)
        self._orders[order.order_id] = order

    def resting(self, order_id: str) -> Resting | None:
        """Return an order that rests here."""
        return self._orders.get(order_id)

    def all_resting(self) -> tuple[Resting, ...]:
        """Return every order that rests here, oldest first."""
        return tuple(self._orders.values())

    def reduce(self, order_id: str, size: int) -> None:
        """Fill part of a resting order; it goes when nothing is left."""
        order = self._orders[order_id]
        assert 0 < size <= order.leaves, f"{order_id}: {size} of {order.leaves}"
        order.leaves -= size
        self._halves[order.side].touched.add(order.price)
        if not order.leaves:
            self.remove(order_id)

    def remove(self, order_id: str) -> None:
        """Take a resting order out of the book."""
        order = self._orders.pop(order_id)
        half = self._halves[order.side]
        half.touched.add(order.price)
        queue = half.resting[order.price]
        queue.remove(order)
        if not queue:
            del half.resting[order.price]

    def in_reach(self, taker: Side, limit: int) -> list[Resting]:
        """Return resting orders that a taker with this limit reaches, best and oldest first."""
        half = self._halves[opposite(taker)]
        prices = sorted(half.resting, reverse=taker is Side.SELL)
        reached = [p for p in prices if ((p <= limit) if taker is Side.BUY else (p >= limit))]
        return [order for price in reached for order in half.resting[price]]

    def crossed(self) -> list[Resting]:
        """Return resting orders that a recorded level of the other side has reached."""
        found: list[Resting] = []
        for order in self._orders.values():
            half = self._halves[opposite(order.side)]
            prices = [price for price in half.recorded if half.visible(price)]
            if prices and (
                min(prices) <= order.price if order.side is Side.BUY else max(prices) >= order.price
            ):
                found.append(order)
        return found

    def recorded_offers(self, order: Resting) -> list[Offer]:
        """Return recorded levels that have crossed a resting order, best for it first."""
        half = self._halves[opposite(order.side)]
        is_buy = order.side is Side.BUY
        prices = sorted(half.recorded, reverse=not is_buy)
        return [
            Offer(price, half.visible(price))
            for price in prices
            if half.visible(price) and (price <= order.price if is_buy else price >= order.price)
        ]

    def take_changes(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the levels of bids and asks that differ from those told last."""
        return self._told(Side.BUY), self._told(Side.SELL)

    def _told(self, side: Side) -> tuple[Level, ...]:
        half = self._halves[side]
        changed: list[Level] = []
        for price in sorted(half.touched, reverse=side is Side.BUY):
            size = half.size(price)
            if size != half.shown.get(price, 0):
                changed.append(Level(price, size))
                half.shown[price] = size
            if not size:
                half.shown.pop(price, None)
        half.touched.clear()
        return tuple(changed)
