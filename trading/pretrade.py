"""Pre-trade controls: facts of one order in, the first control that it breaks out, with numbers.

Whoever decides, sends or signs an order asks the same functions, each with facts of its own.
Source of the defaults: FIA, Best Practices for Automated Trading Risk Controls (2024).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.exits import exit_floor
from trading.rules import ExitRules, FilterRules, RiskRules, SlippageRules
from trading.ticks import floor_to_tick, is_on_grid
from trading.types import ONE, ZERO, Price, Reason, Shares, Side, Usd


class Control(StrEnum):
    """What an order, or its signature, can be refused for: the closed set of names shown."""

    PRICE_RANGE = "price_range"  # within (0, 1)
    TICK = "tick"
    BAND = "band"
    COLLAR = "collar"
    ORDER_MAX = "order_max"
    ATTEMPTS = "attempts"
    DUPLICATE = "duplicate"
    SELF_CROSS = "self_cross"
    OPEN_ORDERS = "open_orders"
    ORDERS_PER_MIN = "orders_per_min"
    ORDERS_PER_MIN_TOKEN = "orders_per_min_token"  # noqa: S105 - a count, not a secret
    NOTIONAL_PER_MIN = "notional_per_min"
    NOTIONAL_PER_DAY = "notional_per_day"
    REPEATS = "repeats"
    HELD = "held"
    EPOCH = "epoch"
    BUILD = "build"
    EXPIRY = "expiry"
    COPIES = "copies"
    HALT = "halt"
    ORDERS_OUT = "orders_out"

    NOT_COMMITTED = "not_committed"  # from here on the signer's alone: the records know no such
    NOT_OURS = "not_ours"  # another wallet's, or not for this key
    ALTERED = "altered"  # the records contradict themselves: hash, salt, times, amounts
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - of another market, side or signal; not a secret
    NOT_RESERVED = "not_reserved"  # no open reservation covers it
    ENDED = "ended"  # its order or its position takes no more
    EXITS_PER_MIN = "exits_per_min"
    ATTESTS_PER_HOUR = "attests_per_hour"
    REDEMPTION = "redemption"  # one that is not just a redemption
    REDEMPTIONS_PER_HOUR = "redemptions_per_hour"


class Stop(StrEnum):
    """What stops, until a person clears it, when a control is broken."""

    NOTHING = "NOTHING"
    COUNTED = "COUNTED"
    """Nothing yet: so many within a minute stop the wallet."""
    TOKEN = "TOKEN"  # noqa: S105 - a scope, not a secret
    WALLET = "WALLET"


_PRICES = frozenset({Control.PRICE_RANGE, Control.TICK, Control.BAND, Control.COLLAR})
_STOPS = {
    Control.ATTEMPTS: Stop.WALLET,
    Control.DUPLICATE: Stop.WALLET,
    Control.ORDERS_OUT: Stop.WALLET,
    Control.REPEATS: Stop.TOKEN,
    Control.OPEN_ORDERS: Stop.COUNTED,
    Control.ORDERS_PER_MIN: Stop.COUNTED,
    Control.ORDERS_PER_MIN_TOKEN: Stop.COUNTED,
    Control.NOTIONAL_PER_MIN: Stop.COUNTED,
}
COUNTED = frozenset(control for control, stop in _STOPS.items() if stop is Stop.COUNTED)
"""What a busy minute is refused for; a day whose dollars are spent is not one."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A control that an order breaks: what was wanted, and what is allowed."""

    control: Control
    wanted: str
    cap: str

    @property
    def numbers(self) -> Mapping[str, str]:
        """Return the figures of the refusal."""
        return {"throttle": self.control.value, "wanted": self.wanted, "cap": self.cap}

    @property
    def reason(self) -> Reason:
        """Return why an entry was refused, in the words of refusals."""
        return Reason.PRICE_OUT_OF_BAND if self.control in _PRICES else Reason.ORDER_THROTTLE

    @property
    def stop(self) -> Stop:
        """Return what stops. What only code gone wrong can ask for stops all entries."""
        return _STOPS.get(self.control, Stop.NOTHING)

    def describe(self) -> str:
        """Say in one line what was broken."""
        return f"{self.control}: expected {self.cap} at most, an order wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class Asked:
    """An order's price as it will be signed, and the grid it must lie on.

    `lowest`: a person lets this exit go down to it, even below the floor.
    """

    side: Side
    price: Price
    tick_size: Price
    lowest: Price | None = None


@dataclass(frozen=True, slots=True)
class PriceRules:
    """What bounds a price, whatever the book says."""

    filters: FilterRules
    slippage: SlippageRules
    exits: ExitRules


def check_price(asked: Asked, rules: PriceRules, whale_price: Price | None = None) -> Breach | None:
    """Hold a price against (0, 1), the tick, the band and, for an entry, the whale's price.

    An entry pays at most the whale's price, which was in its band, and 2 %; where that price is
    not known, the band's own end and 2 %. An exit goes below the floor on a person's word only.
    """
    price, over = asked.price, ONE + rules.slippage.cap_over_whale
    if not price.is_finite() or not ZERO < price < ONE:
        return Breach(Control.PRICE_RANGE, str(price), "a price within (0, 1)")
    if not is_on_grid(price, asked.tick_size):
        return Breach(Control.TICK, str(price), f"a multiple of {asked.tick_size}")
    if asked.side is Side.SELL:
        low = exit_floor(rules.exits, asked.lowest)
        return Breach(Control.BAND, str(price), f"{low} or more") if price < low else None
    if whale_price is None:
        high = rules.filters.price_max * over
        return Breach(Control.BAND, str(price), str(high)) if price > high else None
    collar = floor_to_tick(whale_price * over, asked.tick_size)
    return Breach(Control.COLLAR, str(price), str(collar)) if price > collar else None


def check_cost(cost_max: Usd, rules: RiskRules) -> Breach | None:
    """Hold an entry's worst case, fee included, against the most that one order may cost."""
    if cost_max > rules.order_max:
        return Breach(Control.ORDER_MAX, str(cost_max), str(rules.order_max))
    return None


def check_exit(size: Shares, held: Shares, offered: Shares) -> Breach | None:
    """Hold an exit's size against what is held and not offered already."""
    free = held - offered
    return Breach(Control.HELD, str(size), str(max(free, ZERO))) if size > free else None


@dataclass(frozen=True, slots=True)
class ThrottleCaps:
    """How many entries a wallet may have; 0 switches `repeats` and `attempts` off.

    `notional_per_day` is of a UTC day, that of the intents' creation; None: no cap.
    """

    open_orders: int
    orders_per_min: int
    orders_per_min_token: int
    notional_per_min: Usd
    repeats: int = 0
    attempts: int = 0
    notional_per_day: Usd | None = None

    @classmethod
    def of(cls, rules: RiskRules) -> "ThrottleCaps":
        """Return the caps of some rules."""
        return cls(
            open_orders=rules.open_orders_max,
            orders_per_min=rules.orders_per_min_max,
            orders_per_min_token=rules.orders_per_min_token_max,
            notional_per_min=rules.notional_per_min_max,
            repeats=rules.repeats_max,
            attempts=rules.attempts_max,
            notional_per_day=rules.notional_per_day_max,
        )


@dataclass(frozen=True, slots=True)
class RecentEntries:
    """A wallet's entries that one more would stand beside; exits are not counted.

    `repeats` are other signals' of the same token within ten minutes. `attempts` are all of the
    same signal, `twins` those of them of the same size within 30 s that are alive or were
    matched, `crosses` own resting orders that the new one would trade with.
    """

    open_orders: int
    orders: int
    orders_token: int
    notional: Usd
    repeats: int
    attempts: int = 0
    twins: int = 0
    crosses: int = 0
    notional_day: Usd = Usd(ZERO)


def check_throttles(recent: RecentEntries, cost_max: Usd, caps: ThrottleCaps) -> Breach | None:
    """Return the first throttle that one more entry would pass."""
    figures: list[tuple[Control, Decimal | int, Decimal | int]] = [
        (Control.DUPLICATE, recent.twins, 0),
        (Control.SELF_CROSS, recent.crosses, 0),
        (Control.OPEN_ORDERS, recent.open_orders + 1, caps.open_orders),
        (Control.ORDERS_PER_MIN, recent.orders + 1, caps.orders_per_min),
        (Control.ORDERS_PER_MIN_TOKEN, recent.orders_token + 1, caps.orders_per_min_token),
        (Control.NOTIONAL_PER_MIN, recent.notional + cost_max, caps.notional_per_min),
    ]
    if caps.attempts:
        figures.insert(0, (Control.ATTEMPTS, recent.attempts + 1, caps.attempts))
    if caps.notional_per_day is not None:
        spent = recent.notional_day + cost_max
        figures.append((Control.NOTIONAL_PER_DAY, spent, caps.notional_per_day))
    if caps.repeats:
        figures.append((Control.REPEATS, recent.repeats + 1, caps.repeats))
    for control, wanted, cap in figures:
        if wanted > cap:
            return Breach(control, str(wanted), str(cap))
    return None


@dataclass(frozen=True, slots=True)
class Sending:
    """One committed order whose next copy is about to be signed and sent.

    `epoch` and `build` are ours, those of the lease are the newest; None where there is none.
    `copies` left before. `halt` says why no entry may leave, or nothing.
    """

    side: Side
    now: datetime
    expires_at: datetime
    retry_until: datetime
    copies: int
    copies_max: int
    epoch: int
    lease_epoch: int | None
    halt: str = ""
    build: str = ""
    lease_build: str | None = None


def check_sending(sending: Sending) -> Breach | None:
    """Hold an order against the lease, its time, its copies and, an entry, against every halt."""
    newest = sending.lease_epoch
    if newest is None or sending.epoch != newest:
        return Breach(Control.EPOCH, str(sending.epoch), str(newest))
    if sending.lease_build is not None and sending.build != sending.lease_build:
        return Breach(Control.BUILD, sending.build, sending.lease_build)
    deadline = sending.retry_until if sending.copies else sending.expires_at
    if sending.now >= deadline:
        return Breach(Control.EXPIRY, sending.now.isoformat(), deadline.isoformat())
    if sending.copies >= sending.copies_max:
        return Breach(Control.COPIES, str(sending.copies + 1), str(sending.copies_max))
    if sending.halt and sending.side is Side.BUY:
        return Breach(Control.HALT, "an entry", sending.halt)
    return None


def check_outflow(orders_out: int, intents_in: int) -> Breach | None:
    """Hold the orders that left us, or that the venue has of us, against the intents committed."""
    if orders_out > intents_in:
        return Breach(Control.ORDERS_OUT, str(orders_out), str(intents_in))
    return None
