"""What happens in a run, drawn from its seed: markets, whales, orders, accidents, wishes."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from activities.records import Command
from storage.port import PositionRecord, WhaleRecord
from tests.simulation import order_records, position_records
from tests.simulation.hazards import draw_chances, draw_hazards
from tests.simulation.loop import MICROS
from tests.simulation.terms import START, decimal_of
from tests.simulation.venue import Quote
from tests.simulation.world import World
from trading.decide import WhaleStanding
from trading.rules import Rules, SizingRules
from trading.types import (
    ConditionId,
    ExitReason,
    ExitRequest,
    FeeSchedule,
    Market,
    OrderType,
    PositionState,
    Price,
    Protocol,
    Shares,
    Side,
    SignalId,
    SizingMode,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleSignal,
)
from workflows import names

BANKROLL = 10_000
WHALES = tuple(Wallet(f"0x{n:040x}") for n in (1, 2))
QUIET_FOR = 90 * MICROS
"""Within this time after the last accident everything must have come to rest."""


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    seed: int
    violations: list[str]
    counts: dict[str, int]
    quiet_s: float


def draw_rules(rng: random.Random) -> Rules:
    """Draw how we trade in a run; caps are often within reach."""
    rules = Rules()
    cap = rng.choice((10_000, 120, 80))
    kind = rng.choice((OrderType.FAK, OrderType.FAK, OrderType.GTC, OrderType.FOK))
    return replace(
        rules,
        sweep=replace(rules.sweep, every=timedelta(seconds=6)),
        sizing=SizingRules(mode=SizingMode.FIXED, fixed_notional=Usd(Decimal(40))),
        risk=replace(
            rules.risk,
            wallet_max=Usd(Decimal(cap)),
            whale_max=Usd(Decimal(rng.choice((10_000, 90)))),
            market_max=Usd(Decimal(rng.choice((5_000, 90)))),
            repeats_max=0,
            orders_per_min_token_max=30,
        ),
        orders=replace(rules.orders, entry_order_type=kind),
    )


class Play:
    """One seed, played."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed * 2 + 1)
        self.rng = dice
        self.world = World(seed, draw_rules(dice), draw_hazards(dice))
        self.world.venue.chances = draw_chances(dice)
        self.world.server.stretch = dice.choice((1, 1, 1, 12))
        self.horizon = dice.randrange(5, 40) * MICROS

    def run(self) -> Outcome:
        """Play until everything rests, and check it."""
        world = self.world
        self._set_up()
        self._plan()
        world.loop.run_until(self.horizon)
        world.quiet()
        self._wish_for_the_end()
        began = world.loop.now
        self._settle_down(max(began + QUIET_FOR, self._last_end()))
        unrest = world.checks.unrest()
        if unrest and not world.checks.violations:
            world.checks.report(f"I14 not at rest: {', '.join(unrest[:6])}")
        if not world.checks.violations:
            world.checks.check_all()
        for failure in world.loop.failures:
            world.checks.report(f"bug: {failure}")
        self._count()
        quiet_s = (world.loop.now - began) / MICROS
        return Outcome(world.seed, world.checks.violations, world.counts, quiet_s)

    def _last_end(self) -> int:
        """Return until when the youngest trade may be tried again, and then settle."""
        orders = self.world.rules.orders
        youngest = max(
            (row.committed_at for row in self.world.tables.signals.values()), default=START
        )
        longest = orders.remainder_until + timedelta(seconds=20)
        return (youngest + longest - START) // timedelta(microseconds=1)

    def _settle_down(self, until: int) -> None:
        world = self.world
        while world.loop.now < until and not world.loop.is_stopped:
            world.loop.run_until(min(world.loop.now + 2 * MICROS, until))
            if not world.checks.unrest():
                world.loop.run_until(world.loop.now + 3 * MICROS)
                if not world.checks.unrest():
                    return

    # The world as it begins

    def _set_up(self) -> None:
        world, rng = self.world, self.rng
        has_fees = rng.random() < 0.3
        world.venue.fee_rate = 200 if has_fees else 0
        world.venue.cash = BANKROLL * MICROS
        position_records.record_deposit(world.tables, Usd(Decimal(BANKROLL)), "bankroll", START)
        for whale in WHALES:
            position_records.save_whale(world.tables, _whale(whale), START)
        for n in range(rng.choice((1, 1, 2))):
            market = _market(n, has_fees=has_fees)
            position_records.save_market(world.tables, market, START)
            for token in market.token_ids:
                world.markets[token] = market
                ask = rng.randrange(20, 80) * 10_000
                world.venue.quotes[token] = Quote(ask - 10_000, ask)
        world.begin(2)

    # What will happen

    def _plan(self) -> None:
        """Draw what will happen when; each accident has a share of the runs."""
        rng = self.rng
        for n in range(rng.choice((1, 2, 2, 3, 4))):
            self._at(0.6, self._tell_buy, f"s{n}")
        for n in range(rng.choice((0, 0, 1, 2))):
            self._at(1.0, self._tell_sell, f"x{n}")
        for _ in range(rng.choice((0, 0, 1, 3))):
            self._at(1.0, self._ask_for_exits)
        for share, times, accident in (
            (0.3, 1, self._move_prices),
            (0.15, 1, self._resolve),
            (0.15, 1, self._cancel_a_trade),
            (0.15, 2, self._command),
            (0.1, 1, self._terminate),
            (0.15, 1, self._break_database),
            (0.15, 1, self._break_server),
            (0.3, 1, self._kill_somebody),
            (0.2, 2, self._kill_somebody),
            (0.2, 1, self._freeze_somebody),
            (0.08, 1, self._lose_the_wallet),
            (0.08, 1, self._halt),
        ):
            for _ in range(times if rng.random() < share else 0):
                self._at(1.0, accident)

    def _at(self, until: float, what: Callable[..., object], *args: object) -> None:
        """Plan something for some time within a part of the run."""
        when_ = self.rng.randrange(int(self.horizon * until))
        self.world.loop.at(when_, what, *args)

    def _token(self) -> TokenId:
        return self.rng.choice(list(self.world.markets))

    def _tell_buy(self, name: str) -> None:
        token = self._token()
        ask = self.world.venue.quotes[token].ask
        self._tell(name, Side.BUY, token, self.rng.choice(WHALES), ask)

    def _tell_sell(self, name: str) -> None:
        held = position_records.list_open(self.world.tables)
        if held:
            record = self.rng.choice(held)
            bid = self.world.venue.quotes[record.token_id].bid
            self._tell(name, Side.SELL, record.token_id, record.whale, bid)

    def _tell(self, name: str, side: Side, token: TokenId, whale: Wallet, price: int) -> None:
        world, now = self.world, self.world.clock()
        size = Shares(Decimal(self.rng.choice((6_000, 12_000))))
        signal = WhaleSignal(
            signal_id=SignalId(name),
            wallet=whale,
            token_id=token,
            side=side,
            size=size,
            price=Price(decimal_of(price)),
            fill_count=1,
            traded_at=now - timedelta(milliseconds=self.rng.randrange(200, 3_000)),
            detected_at=now,
            source=Source.CHAIN,
            transaction_hash=name,
        )
        world.say(f"whale {side} {token} {name}")
        position_records.record_signal(world.tables, signal, now)
        world.dispatch(name)

    def _ask_for_exits(self) -> None:
        """Let up to four triggers want out of one position at once."""
        held = position_records.list_open(self.world.tables)
        if not held:
            return
        record = self.rng.choice(held)
        reasons = (ExitReason.STOP_LOSS, ExitReason.TAKE_PROFIT, ExitReason.OPERATOR)
        for reason in self.rng.sample(reasons, self.rng.randrange(1, 4)):
            share = self.rng.choice((Decimal(1), Decimal(1), Decimal("0.5")))
            request = ExitRequest(reason, share, who="trigger")
            wait = self.rng.randrange(10_000)
            workflow_id = names.position_workflow_id(record.position_id)
            self.world.loop.after(
                wait, self.world.server.signal, workflow_id, names.REQUEST_EXIT, request
            )
        self.world.count("exits wanted")

    def _move_prices(self) -> None:
        """Let a token fall through its stop, or rise to its target."""
        quote = self.world.venue.quotes[self._token()]
        factor = self.rng.choice((75, 135))
        quote.ask = min(max(quote.ask * factor // 100 // 10_000 * 10_000, 30_000), 970_000)
        quote.bid = quote.ask - 10_000

    def _resolve(self) -> None:
        token = self._token()
        market = self.world.markets[token]
        worth = self.rng.choice(((100, 0), (0, 100), (50, 50)))  # in cents
        payouts = tuple(Price(Decimal(w) / 100) for w in worth)
        resolved = replace(market, is_closed=True, accepts_orders=False, payouts=payouts)
        for each in market.token_ids:
            self.world.markets[each] = resolved
        micros = {str(t): w * 10_000 for t, w in zip(market.token_ids, worth, strict=True)}
        pays_after = self.rng.randrange(MICROS, 10 * MICROS)
        self.world.venue.resolve(market.condition_id, micros, pays_after)
        self.world.loop.after(self.rng.randrange(MICROS), self._tell_owners, market.token_ids)
        self.world.count("resolutions")
        self.world.say(f"{market.condition_id} resolves {worth}")

    def _tell_owners(self, tokens: Sequence[TokenId]) -> None:
        """Tell positions' owners that their market has changed, as the watch does."""
        for record in position_records.list_open(self.world.tables):
            if record.token_id in tokens:
                owner = names.position_workflow_id(record.position_id)
                self.world.server.signal(owner, names.FILLS_CHANGED)

    def _cancel_a_trade(self) -> None:
        running = self._running("")
        if running:
            workflow_id = self.rng.choice(running)
            self.world.say(f"somebody cancels {workflow_id}")
            self.world.server.cancel(workflow_id)
            self.world.count("cancels")

    def _command(self) -> None:
        """Ask a running trade for something, or for nonsense."""
        running = self._running("copy-trade/")
        if running:
            kind = self.rng.choice((names.CANCEL, names.STOP_RETRYING, names.HOLD, names.RELEASE))
            workflow_id, who = self.rng.choice(running), self.rng.choice(("me", "me", ""))
            self.world.say(f"{who or 'nobody'} asks {workflow_id} to {kind}")
            self.world.server.update(workflow_id, kind, Command(who, "because"))
            self.world.count(f"updates {kind}")

    def _terminate(self) -> None:
        running = self._running("copy-trade/") + self._unasked_owners()
        if running:
            workflow_id = self.rng.choice(running)
            self.world.say(f"somebody terminates {workflow_id}")
            self.world.server.terminate(workflow_id)
            self.world.count("terminations")

    def _unasked_owners(self) -> list[str]:
        """Return owners whom no whale's sale waits for: what they were asked dies with them."""
        waited_for = {
            (row.signal.wallet, row.signal.token_id)
            for row in self.world.tables.signals.values()
            if row.signal.side is Side.SELL and not row.state.is_terminal
        }
        return [
            names.position_workflow_id(record.position_id)
            for record in position_records.list_open(self.world.tables)
            if (record.whale, record.token_id) not in waited_for
        ]

    def _running(self, prefix: str) -> list[str]:
        return [
            workflow_id
            for workflow_id, run in self.world.server.runs.items()
            if workflow_id.startswith(prefix or ("copy-trade/", "position/")) and not run.is_over
        ]

    def _break_database(self) -> None:
        self.world.db_down_until = self.world.loop.now + self.rng.randrange(200_000, 4 * MICROS)

    def _break_server(self) -> None:
        self.world.server.down_until = self.world.loop.now + self.rng.randrange(200_000, 4 * MICROS)

    def _kill_somebody(self) -> None:
        if self.world.workers:
            self.world.kill(self.rng.choice(self.world.workers))

    def _freeze_somebody(self) -> None:
        if self.world.workers:
            self.world.freeze(
                self.rng.choice(self.world.workers), self.rng.randrange(MICROS, 15 * MICROS)
            )

    def _lose_the_wallet(self) -> None:
        """Let another stack take the wallet while trades begin."""
        self.world.hand_over()
        for n in range(2):
            self.world.loop.after(self.rng.randrange(2 * MICROS), self._tell_buy, f"h{n}")

    def _halt(self) -> None:
        order_records.halt_wallet(self.world.tables, "a person", self.world.clock())
        self.world.count("halts")

    def _wish_for_the_end(self) -> None:
        """Want out of everything, in half of the runs."""
        self.world.loop.after(2 * MICROS, self._tell_owners, list(self.world.markets))
        self.world.loop.after(20 * MICROS, self._tell_owners, list(self.world.markets))
        if self.rng.random() < 0.5:
            return
        for record in position_records.list_open(self.world.tables):
            request = ExitRequest(ExitReason.OPERATOR, who="the end")
            owner = names.position_workflow_id(record.position_id)
            can_sell = record.state is PositionState.OPEN and not self._is_growing(record)
            if self.world.server.signal(owner, names.REQUEST_EXIT, request) and can_sell:
                self.world.asked_exits.append(record.position_id)

    def _is_growing(self, record: PositionRecord) -> bool:
        """Tell whether an entry is under way that adds to a position."""
        return any(
            row.signal.token_id == record.token_id
            and row.signal.wallet == record.whale
            and not row.state.is_terminal
            for row in self.world.tables.signals.values()
        )

    def _count(self) -> None:
        world = self.world
        for row in world.tables.signals.values():
            world.count(f"signals {row.state}")
        for order in world.venue.orders.values():
            world.count("entries" if order.asked.is_buy else "exits")
            if order.matched:
                world.count("entries filled" if order.asked.is_buy else "exits filled")
        for trade in world.venue.trades:
            world.count(f"trades {trade.status}")


def _whale(wallet: Wallet) -> WhaleRecord:
    standing = WhaleStanding(wallet, True, False, Decimal("0.7"), Decimal("0.6"), 120)
    return WhaleRecord(
        standing=standing,
        pseudonym="w",
        total_volume=Usd(Decimal(0)),
        total_trades=0,
        roi=None,
        sharpe_ratio=None,
        max_drawdown=None,
        profit_factor=None,
        rank=None,
    )


def _market(n: int, *, has_fees: bool) -> Market:
    return Market(
        condition_id=ConditionId(f"m{n}"),
        question="Will it?",
        slug=f"m{n}",
        outcomes=("Yes", "No"),
        token_ids=(TokenId(f"m{n}-yes"), TokenId(f"m{n}-no")),
        protocol=Protocol.CLOB_V2,
        neg_risk=False,
        tick_size=Price(Decimal("0.01")),
        min_size=Shares(Decimal(5)),
        fees=FeeSchedule(Decimal("0.02") if has_fees else Decimal(0), 1),
        ends_at=START + timedelta(days=3),
        is_active=True,
        is_closed=False,
        accepts_orders=True,
        liquidity=Usd(Decimal(50_000)),
        volume=None,
    )
