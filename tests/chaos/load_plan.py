"""Plans the load: which whale buys and sells what when, and caps that bite a little."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.options import ChaosOptions

WHALES = 8
MARKETS = 6
FIRST_AT_S = 3.0
COPIED_USD = 40
SIZE_FIRST = 3_000  # shares; each purchase has a size of its own, by which it is known again
SELL_SHARE = 0.26
WHOLE_SHARE = 0.7
MAKER_SHARE = 0.15
AGAIN_AFTER_S = 6.0
BUY_AFTER_SALE_S = 12.0
REFUSED_SHARE_MAX = 0.12  # of the whale orders, by the wallet's cap, if all were filled
TICKS_MAX = 125
FILLS = (1, 1, 1, 2, 5)


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One whale order; `at_s` counts from the start of the play, `share` is of what it holds."""

    number: int
    at_s: float
    whale: int
    market: int
    is_sale: bool
    size: int
    fills: int
    is_maker: bool
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps in USD for the run."""

    wallet: int
    whale: int
    market: int
    position: int


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The whole load. Every price rises by a tick each `step_s`, so that most sales gain."""

    orders: tuple[PlannedOrder, ...]
    step_s: float
    caps: Caps

    @property
    def ends_at_s(self) -> float:
        """Return when the last whale order is placed."""
        return self.orders[-1].at_s

    @property
    def sales(self) -> int:
        """Return how many of the orders are sales."""
        return sum(order.is_sale for order in self.orders)


@dataclass(slots=True)
class _Holding:
    shares: int = 0
    bought_at_s: float = -1000.0
    sold_at_s: float = -1000.0

    def is_settled(self, at_s: float, settled_s: float) -> bool:
        return bool(self.shares) and at_s - max(self.bought_at_s, self.sold_at_s) >= settled_s

    def is_free(self, at_s: float) -> bool:
        bought_long_ago = at_s - self.bought_at_s >= AGAIN_AFTER_S
        return bought_long_ago and at_s - self.sold_at_s >= BUY_AFTER_SALE_S


def plan_load(options: ChaosOptions) -> LoadPlan:
    """Plan whale orders at the asked rate; a sale comes once its purchase can have settled."""
    step_s = max(2.0, options.load_s / TICKS_MAX)
    planner = _Planner(options, settled_s=max(8.0, 2.5 * step_s))
    orders = planner.plan()
    return LoadPlan(orders, step_s, choose_caps(orders))


class _Planner:
    """Draws one order after the other and remembers what each whale holds."""

    def __init__(self, options: ChaosOptions, settled_s: float) -> None:
        self._options = options
        self._rng = random.Random(f"load/{options.seed}")
        self._settled_s = settled_s
        self._holdings = {(w, m): _Holding() for w in range(WHALES) for m in range(MARKETS)}
        self._sold: set[tuple[int, int]] = set()  # by whale and size
        self._orders: list[PlannedOrder] = []

    def plan(self) -> tuple[PlannedOrder, ...]:
        at_s, gap_s = FIRST_AT_S, self._options.load_s / self._options.trades
        while len(self._orders) < self._options.trades:
            at_s += self._rng.uniform(0.5, 1.5) * gap_s
            self._add(at_s)
        return tuple(self._orders)

    def _add(self, at_s: float) -> None:
        holdings = self._holdings.items()
        sellable = [key for key, held in holdings if held.is_settled(at_s, self._settled_s)]
        buyable = [key for key, held in holdings if held.is_free(at_s)]
        sales = sum(order.is_sale for order in self._orders)
        if sellable and sales < SELL_SHARE * (len(self._orders) + 1):
            self._orders.append(self._sale(at_s, *self._rng.choice(sellable)))
        elif buyable:
            self._orders.append(self._purchase(at_s, *self._rng.choice(buyable)))

    def _purchase(self, at_s: float, whale: int, market: int) -> PlannedOrder:
        number = len(self._orders) + 1
        held, size = self._holdings[whale, market], SIZE_FIRST + number
        held.shares += size
        held.bought_at_s = at_s
        is_maker = self._rng.random() < MAKER_SHARE
        fills = 1 if is_maker else self._fills()
        return PlannedOrder(number, at_s, whale, market, False, size, fills, is_maker)

    def _sale(self, at_s: float, whale: int, market: int) -> PlannedOrder:
        number = len(self._orders) + 1
        held = self._holdings[whale, market]
        before = held.shares
        size = before if self._rng.random() < WHOLE_SHARE else before // 2
        while (whale, size) in self._sold:
            size += 1  # more than is held sells all
        self._sold.add((whale, size))
        held.shares = max(0, before - size)
        held.sold_at_s = at_s
        share, fills = min(1.0, size / before), self._fills()
        return PlannedOrder(number, at_s, whale, market, True, size, fills, False, share)

    def _fills(self) -> int:
        return min(self._rng.choice(FILLS), self._options.fills_max)


def choose_caps(orders: Sequence[PlannedOrder]) -> Caps:
    """Return the lowest caps that would refuse no more than an eighth if everything were filled."""
    free = Caps(10**9, 10**9, 10**9, 10**9)
    _, peak = play_caps(orders, free)
    found = peak
    for percent in range(100, 35, -5):
        others = max(percent, 80)
        caps = Caps(
            wallet=_part(peak.wallet, percent),
            whale=_part(peak.whale, others),
            market=_part(peak.market, others),
            position=peak.position,
        )
        refused, _ = play_caps(orders, caps)
        if refused > REFUSED_SHARE_MAX * len(orders):
            break
        found = caps
    return found


def play_caps(orders: Sequence[PlannedOrder], caps: Caps) -> tuple[int, Caps]:
    """Return how many orders the caps would refuse, and the peak use of each, all filled at once.

    A sale of what was never bought counts as refused as well: there is nothing to reduce.
    """
    held: dict[tuple[int, int], float] = {}
    refused, peak = 0, [0.0, 0.0, 0.0, 0.0]
    limits = (caps.wallet, caps.whale, caps.market, caps.position)
    for order in orders:
        key = (order.whale, order.market)
        if order.is_sale:
            refused += key not in held
            left = held.pop(key, 0.0) * (1 - order.share)
            if left:
                held[key] = left
            continue
        used = [
            sum(held.values()),
            sum(usd for (whale, _), usd in held.items() if whale == order.whale),
            sum(usd for (_, market), usd in held.items() if market == order.market),
            held.get(key, 0.0),
        ]
        if any(usd + COPIED_USD > cap for usd, cap in zip(used, limits, strict=True)):
            refused += 1
            continue
        held[key] = held.get(key, 0.0) + COPIED_USD
        peak = [max(top, usd + COPIED_USD) for top, usd in zip(peak, used, strict=True)]
    return refused, Caps(*(int(top) + 1 for top in peak))


def _part(usd: int, percent: int) -> int:
    """Return a part of a peak, rounded up to whole copies with a little for fees."""
    copies = -(-usd * percent // (100 * COPIED_USD))
    return copies * (COPIED_USD + 1)
