"""Every number the product obeys, in one place; a profile is a copy with some replaced."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from trading.types import OrderType, Price, Shares, SizingMode, Usd


@dataclass(frozen=True, slots=True)
class FilterRules:
    """What a signal must pass before it is sized."""

    quality_min: Decimal = Decimal("0.5")
    whale_notional_min: Usd = Usd(Decimal(1000))
    price_min: Price = Price(Decimal("0.05"))
    price_max: Price = Price(Decimal("0.95"))
    ends_in_min: timedelta = timedelta(hours=1)
    ends_in_max: timedelta = timedelta(days=90)
    liquidity_min: Usd = Usd(Decimal(10_000))
    spread_max: Price = Price(Decimal("0.03"))
    depth_band: Decimal = Decimal("0.02")  # of the best price
    signal_age_max: timedelta = timedelta(seconds=5)
    book_age_max: timedelta = timedelta(seconds=2)
    price_move_max: Decimal = Decimal("0.02")  # against us, of the whale's price


@dataclass(frozen=True, slots=True)
class AggregationRules:
    """How a whale's fills become one signal, and how much is remembered for it."""

    quiet: timedelta = timedelta(milliseconds=250)  # without a new fill
    longest: timedelta = timedelta(seconds=1)  # from the first fill
    windows_max: int = 10_000  # open at once
    fills_max: int = 10_000  # of one window
    tallies_max: int = 20_000  # transactions remembered, per wallet, token and side; the oldest go
    recalled_max: int = 100_000  # stored fills read again after a restart
    remembered_for: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SizingRules:
    """How much to copy. Fractions are of the bankroll (cash plus bid value, or `bankroll_max`)."""

    mode: SizingMode = SizingMode.KELLY
    fixed_notional: Usd = Usd(Decimal(100))
    percent: Decimal = Decimal("0.02")
    proportional_share: Decimal = Decimal("0.05")  # of the whale's own notional
    kelly_multiplier: Decimal = Decimal("0.5")
    win_rate_weight: Decimal = Decimal("0.7")
    fraction_max: Decimal = Decimal("0.08")
    fraction_min: Decimal = Decimal("0.01")
    bankroll_max: Usd | None = None


@dataclass(frozen=True, slots=True)
class SlippageRules:
    """Slippage is (VWAP - mid) / mid, positive when it costs us."""

    estimate_buffer: Decimal = Decimal("0.20")  # on the estimate
    limit_max: Decimal = Decimal("0.02")  # of a resting limit order
    marketable_max: Decimal = Decimal("0.05")
    cap_over_whale: Decimal = Decimal("0.02")
    cap_ticks_over_best: int = 2


@dataclass(frozen=True, slots=True)
class RiskRules:
    """Caps on the worst case still possible: settled + pending + still possible."""

    position_max: Usd = Usd(Decimal(1000))
    market_max: Usd = Usd(Decimal(5000))
    whale_max: Usd = Usd(Decimal(10_000))
    wallet_max: Usd = Usd(Decimal(35_000))
    market_share_max: Decimal = Decimal("0.20")  # of the portfolio
    daily_loss_max: Usd = Usd(Decimal(500))
    drawdown_halve: Decimal = Decimal("0.10")
    losses_in_row_max: int = 5
    pause: timedelta = timedelta(hours=1)
    market_cooldown: timedelta = timedelta(minutes=15)  # after a closing at a loss; 0: none
    whale_cooldown: timedelta = timedelta(minutes=15)
    failure_rate_max: Decimal = Decimal("0.10")  # of the orders that ended within the window
    failure_orders_min: int = 20  # fewer say nothing
    failure_window: timedelta = timedelta(hours=1)
    failure_pause: timedelta = timedelta(hours=1)
    open_orders_max: int = 20
    orders_per_min_max: int = 30
    orders_per_min_token_max: int = 6
    notional_per_min_max: Usd = Usd(Decimal(5000))
    notional_per_day_max: Usd | None = Usd(Decimal(35_000))  # of a UTC day, filled or not
    repeats_max: int = 3  # same token and side within `repeats_window`; 0 switches it off
    repeats_window: timedelta = timedelta(minutes=10)
    attempts_max: int = 3  # entries of one signal: the first, and two remainders
    duplicate_within: timedelta = timedelta(seconds=30)
    duplicate_size: Decimal = Decimal("0.01")  # sizes so near are the same
    order_max: Usd = Usd(Decimal(1000))  # worst case of one entry
    throttled_max: int = 30  # entries refused by a throttle in a minute, then a halt; 0: never


@dataclass(frozen=True, slots=True)
class OrderRules:
    """How an order lives."""

    entry_order_type: OrderType = OrderType.FAK
    entry_expires_after: timedelta = timedelta(seconds=5)  # first POST, from the commit
    traded_expires_after: timedelta = timedelta(seconds=10)  # first POST, from the whale's fill
    retry_until: timedelta = timedelta(seconds=12)  # same bytes, from the commit
    fill_timeout: timedelta = timedelta(seconds=30)
    remainder_until: timedelta = timedelta(seconds=90)  # from the commit
    attempts_max: int = 3  # one and two remainders
    quarantine: timedelta = timedelta(seconds=45)  # from the POST deadline
    absent_for: timedelta = timedelta(seconds=6)  # off the book; longer than the readers lag
    settle_within: timedelta = timedelta(minutes=5)  # else a person is told


@dataclass(frozen=True, slots=True)
class PaceRules:
    """How many trades one process has on the way to their first order at once."""

    young_max: int = 8
    young_for: timedelta = timedelta(seconds=2)  # then it may be elsewhere, and counts no more
    crowd: int = 4  # young trades to which sent ones give way
    way_given_for: timedelta = timedelta(seconds=2)  # before each of a sent entry's next two steps


@dataclass(frozen=True, slots=True)
class ThrottleRules:
    """How fast orders leave one process: 20 % of what the venue allows a signer (40/s, 60 burst).

    Entries and exits have a bucket each, so that entries never hold an exit up.
    """

    entries_per_s: Decimal = Decimal(8)
    entries_burst: int = 12
    exits_per_s: Decimal = Decimal(8)
    exits_burst: int = 12
    wait_max: timedelta = timedelta(seconds=2)  # for a token; else the attempt is tried later
    backoff_first: timedelta = timedelta(seconds=1)  # while the venue says "not now"
    backoff_max: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ExitRules:
    """When a position is left; shares of the entry price."""

    stop_loss: Decimal = Decimal("0.15")
    take_profit: Decimal = Decimal("0.30")
    trailing_arms_at: Decimal = Decimal("0.10")
    trailing_distance: Decimal = Decimal("0.05")
    reads_apart: timedelta = timedelta(seconds=1)
    asked_within: timedelta = timedelta(seconds=1)  # then a stream's second read counts too
    book_age_max: timedelta = timedelta(seconds=5)
    doubt_max: timedelta = timedelta(seconds=3)  # of a crossed level: a person is called
    spread_max: Price = Price(Decimal("0.60"))  # no ask at all counts as an ask at 1
    depth_share: Decimal = Decimal("0.5")  # of the position, within `depth_ticks` of the best bid
    depth_ticks: int = 5
    ladder: tuple[Decimal, ...] = (Decimal(0), Decimal("0.05"), Decimal("0.15"))
    ladder_ticks: int = 2
    floor: Price = Price(Decimal("0.01"))
    dust: Shares = Shares(Decimal("0.01"))
    mark_every: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RedemptionRules:
    """How resolved shares become cash."""

    grace: timedelta = timedelta(seconds=10)  # the platform may redeem by itself
    looks_apart: timedelta = timedelta(seconds=1)  # at first, then longer
    looks_apart_max: timedelta = timedelta(seconds=5)
    keeper_looks: timedelta = timedelta(seconds=15)
    sendings_apart: timedelta = timedelta(seconds=30)  # of the same transaction
    again_after: timedelta = timedelta(seconds=5)  # a redemption that was done
    retry_after: timedelta = timedelta(seconds=60)  # one that did nothing
    page_after: timedelta = timedelta(days=1)  # unresolved after its end, or unpaid


@dataclass(frozen=True, slots=True)
class SweepRules:
    """How what nobody owns is looked for, and how long it is left to an owner that may come."""

    every: timedelta = timedelta(seconds=2)
    owners_every: timedelta = timedelta(seconds=10)  # of positions: asking lists every workflow
    sweep_for: timedelta = timedelta(minutes=10)  # then another run goes on
    young: timedelta = timedelta(seconds=10)  # a signal or position whose owner may be starting
    sender_ends_within: timedelta = timedelta(seconds=10)
    stale: timedelta = timedelta(seconds=30)  # an owned order that ended and was not booked
    signals_max: int = 1000  # of one pass
    orders_max: int = 1000
    batch: int = 50  # orders settled in one pass
    at_once: int = 8
    blind_max: timedelta = timedelta(minutes=2)  # nothing could be compared: a person is told


@dataclass(frozen=True, slots=True)
class ReconcileRules:
    """How often our books are held against the venue's, and when a difference is a real one."""

    look_every: timedelta = timedelta(seconds=2)  # for what is due
    trades_every: timedelta = timedelta(seconds=8)  # a foreign trade is due to halt after 10 s
    trades_overlap: timedelta = timedelta(minutes=60)
    orders_every: timedelta = timedelta(seconds=5)  # a foreign order, too
    balances_every: timedelta = timedelta(seconds=10)  # 30 s would do; a halt is due after 75 s
    suspects_every: timedelta = timedelta(seconds=5)  # while something differs
    full_every: timedelta = timedelta(minutes=5)
    read_lag: timedelta = timedelta(seconds=30)  # of what the venue answers, at most
    shares_tolerance: Shares = Shares(Decimal("0.01"))
    cash_tolerance: Usd = Usd(Decimal("0.01"))
    reads_min: int = 2
    reads_apart: timedelta = timedelta(seconds=1)
    lasts: timedelta = timedelta(seconds=60)  # then entries halt
    page_share: Decimal = Decimal("0.05")  # of the position or the cash; above it pages
    batch: int = 20  # tokens asked for one by one in a turn, besides those that differ
    tokens_max: int = 2000  # of a full pass
    unwatched_for: timedelta = timedelta(seconds=15)  # then prices are watched from here
    books_batch: int = 100  # books in one request


@dataclass(frozen=True, slots=True)
class ScoreRules:
    """How often followed wallets are scored again, and how gently their histories are asked for."""

    every: timedelta = timedelta(days=1)
    apart: timedelta = timedelta(milliseconds=200)  # between two wallets
    batch: int = 20  # wallets of one step
    tries: int = 5  # of a wallet whose history does not come; then it is left out
    compared_max: int = 500  # wallets whose halves are held against each other


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules together."""

    aggregation: AggregationRules = field(default_factory=AggregationRules)
    filters: FilterRules = field(default_factory=FilterRules)
    sizing: SizingRules = field(default_factory=SizingRules)
    slippage: SlippageRules = field(default_factory=SlippageRules)
    risk: RiskRules = field(default_factory=RiskRules)
    orders: OrderRules = field(default_factory=OrderRules)
    throttle: ThrottleRules = field(default_factory=ThrottleRules)
    pace: PaceRules = field(default_factory=PaceRules)
    exits: ExitRules = field(default_factory=ExitRules)
    sweep: SweepRules = field(default_factory=SweepRules)
    redemption: RedemptionRules = field(default_factory=RedemptionRules)
    reconcile: ReconcileRules = field(default_factory=ReconcileRules)
    scores: ScoreRules = field(default_factory=ScoreRules)

    def with_entry_order_type(self, order_type: OrderType) -> "Rules":
        """Return these rules with another time in force for entries."""
        return replace(self, orders=replace(self.orders, entry_order_type=order_type))
