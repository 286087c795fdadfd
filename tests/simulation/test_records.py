"""The records in memory say what the records in PostgreSQL say, whatever is done to both."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest

from storage.level_port import exit_levels, kept_levels
from storage.limits import Scope
from storage.port import ExitOrder, Levels, Mark, Reserved
from storage.postgres import PostgresStore
from tests.simulation.ports import OPERATIONS
from tests.simulation.tables import Tables
from tests.storage.builders import (
    CAPS,
    NO,
    NOW,
    WALLET,
    YES,
    entry,
    leave,
    market,
    price,
    shares,
    signal,
    trade,
    usd,
    whale,
)
from trading.decide import Portfolio
from trading.orders import Evidence, Intent, Ruling, VenueOrder
from trading.rules import RiskRules
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import (
    ExitReason,
    OrderState,
    PositionId,
    Reason,
    Refusal,
    Settlement,
    Side,
    SignalId,
    SignalState,
    Wallet,
)

SMALL = replace(CAPS, wallet=usd(400), whale=usd(100), market=usd(350), position=usd(90))
WHALES = [Wallet(f"0x{n:040x}") for n in range(1, 9)]
STEPS = 120
ORDER_STATES = (OrderState.LIVE, OrderState.PARTIAL, OrderState.CANCELLED, OrderState.MATCHED)
RULED = (OrderState.UNKNOWN, OrderState.EXPIRED, OrderState.CANCELLED, OrderState.VOID)


@pytest.fixture
async def real(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    yield store
    await store.close()


class Twins:
    """Does the same to both and compares what they say."""

    def __init__(self, real: PostgresStore, seed: int) -> None:
        self.real = real
        self.tables = Tables(RiskRules(), WALLET)
        self.rng = random.Random(seed)
        self.now = NOW
        self.intents: list[Intent] = []
        self.names = 0
        self.done: list[str] = []

    async def ask(self, name: str, *args: Any, **options: Any) -> Any:
        """Ask both; what they answer must be the same."""
        self.done.append(f"{name} {args}")
        theirs = await getattr(self.real, name)(*args, **options)
        known = "fold_evidence" if name == "fold" else name
        ours = OPERATIONS[known](self.tables, *args, **options)
        assert _plain(ours) == _plain(theirs), f"{ours} is not {theirs} after {self.done[-5:]}"
        return theirs

    async def begin(self) -> None:
        await self.ask("record_deposit", usd(10_000), "bankroll", self.now)
        assert await self.ask("acquire_lease", WALLET, "us", self.now) == 1
        await self.ask("save_market", market(), self.now)
        await self.ask("save_whale", whale(), self.now)

    async def step(self) -> None:
        self.now += timedelta(milliseconds=self.rng.randrange(1, 4_000))
        often = (self.enter, self.hear, self.hear, self.leave)
        await self.rng.choice(
            (*often, *often, self.send, self.book, self.turn, self.mark, self.end)
        )()

    async def enter(self) -> None:
        self.names += 1
        name = f"s{self.names}"
        await self.ask("record_signal", signal(name), self.now)
        wanted = entry(
            f"{name}#1",
            size=str(self.rng.randrange(5, 120)),
            at=f"0.{self.rng.randrange(10, 90)}",
            whale=self.rng.choice(WHALES),
            token_id=self.rng.choice((YES, NO)),
            created_at=self.now,
        )
        for _ in range(self.rng.choice((1, 1, 2))):
            answer = await self.ask("reserve_entry", wanted, SMALL, self.now)
        if isinstance(answer, Reserved):
            await self._sent(answer.intent)

    async def send(self) -> None:
        if self.intents:
            intent = self.rng.choice(self.intents)
            await self.ask("begin_sending", intent.order.order_hash, 1, self.now)

    async def hear(self) -> None:
        if self.intents:
            intent = self.rng.choice(self.intents[-4:])
            evidence = [self._evidence(intent) for _ in range(self.rng.choice((1, 1, 2)))]
            await self.ask("fold", intent.order.order_hash, evidence, self.now)
            if self.rng.random() < 0.7:
                await self.ask("apply_order", intent.order.order_hash, self.now)

    def _evidence(self, intent: Intent) -> Evidence:
        order_hash, size = intent.order.order_hash, intent.order.size
        part = shares(str((size * self.rng.randrange(1, 5) / 4).quantize(Decimal("0.01"))))
        match self.rng.randrange(5):
            case 0:
                return VenueOrder(order_hash, self.rng.choice(ORDER_STATES), part)
            case 1:
                return Ruling(self.rng.choice(RULED), "by the test")
            case 2:
                accepted = SubmitOutcome(SubmitKind.ACCEPTED, OrderState.LIVE, "live", part)
                unknown = SubmitOutcome(SubmitKind.UNKNOWN, None, "timed out")
                return self.rng.choice((accepted, unknown))
            case _:
                n = self.rng.randrange(3)
                end = Settlement.FAILED if n == 2 else Settlement.CONFIRMED
                settlement = self.rng.choice((Settlement.MATCHED, Settlement.MINED, end, end))
                part = shares(str((size / 3).quantize(Decimal("0.01"), ROUND_DOWN)))
                name = f"{intent.intent_id}/{n}"
                told = trade(intent, name, size=str(part), fee="0.01", settlement=settlement)
                return replace(told, matched_at=intent.created_at + timedelta(seconds=1))

    async def book(self) -> None:
        if self.intents:
            intent = self.rng.choice(self.intents)
            await self.ask("apply_order", intent.order.order_hash, self.now)

    async def leave(self) -> None:
        standing = await self.ask("list_open")
        if not standing:
            return
        settled = [position for position in standing if position.settled_size > 0]
        position = self.rng.choice(settled or list(standing))
        epoch = await self.ask("begin_exit", position.position_id, ExitReason.OPERATOR, self.now)
        if not epoch:
            return
        self.names += 1
        size = str(self.rng.choice((position.settled_size, Decimal(5))).quantize(Decimal("0.01")))
        if Decimal(size) > 0:
            wish = leave(
                position.position_id,
                epoch=epoch,
                attempt=self.names,
                size=size,
                created_at=self.now,
            )
            await self._commit(wish)
        if self.rng.random() < 0.7:
            await self.ask("end_exit", position.position_id, self.now)

    async def _commit(self, wish: ExitOrder) -> None:
        answer = await self.ask("commit_exit", wish, self.now)
        if isinstance(answer, Intent):
            await self._sent(answer)

    async def _sent(self, intent: Intent) -> None:
        self.intents.append(intent)
        if self.rng.random() < 0.95:  # else news of what never left is a fault, which halts
            await self.ask("begin_sending", intent.order.order_hash, 1, self.now)

    async def turn(self) -> None:
        """Resolve a position, now and then."""
        standing = [*(await self.ask("list_open")), *(await self.ask("list_dust"))]
        if standing and self.rng.random() < 0.3:
            position = self.rng.choice(standing)
            payout = price(self.rng.choice(("0", "0.5", "1")))
            redeemed = self.rng.random() < 0.7
            await self.ask(
                "settle_resolution", position.position_id, payout, redeemed=redeemed, now=self.now
            )

    async def mark(self) -> None:
        bid = price(f"0.{self.rng.randrange(10, 90)}")
        await self.ask("save_marks", [Mark(self.rng.choice((YES, NO)), bid, self.now)])
        for position in await self.ask("list_open"):
            levels = Levels(bid, None, price("0.2"), bid)
            seen = kept_levels(exit_levels(position))
            await self.ask("swap_levels", position.position_id, seen, levels)
            risen = replace(levels, high_water_price=price("0.95"), is_trailing_off=True)
            await self.ask("swap_levels", position.position_id, levels, risen)
            await self.ask("swap_levels", position.position_id, levels, levels)

    async def end(self) -> None:
        if not self.names:
            return
        signal_id = SignalId(f"s{self.rng.randrange(1, self.names + 1)}")
        if await self.ask("load_signal", signal_id) is None:
            return
        if self.rng.random() < 0.3:
            await self.ask("claim_signals", "w1", 2, self.now)
            await self.ask("release_claim", signal_id, "w1")
        elif self.rng.random() < 0.3:
            refusal = self.rng.choice((None, Refusal(Reason.SPREAD_TOO_WIDE)))
            state = SignalState.EXPIRED
            await self.ask("finish_signal", signal_id, state, refusal, self.now)

    async def compare(self) -> None:
        """Compare everything that can be asked for, and the limits and cash behind it."""
        for position in [*self.tables.positions]:
            await self.ask("load_position", PositionId(position))
        await self.ask("list_unresolved", 100)
        await self.ask("list_stranded", 100)
        await self.ask("list_running_signals", self.now, 100)
        loose = {o.order_hash: o for o in await self.real.list_loose_orders(100)}
        ours: Any = OPERATIONS["list_loose_orders"](self.tables, 100)
        assert {o.order_hash: o for o in ours} == loose, self.done[-5:]
        await self.ask("load_portfolio", self.now)
        for intent in self.intents[-3:]:
            await self.ask("load_progress", intent.order.order_hash)
        await self._compare_limits()

    async def _compare_limits(self) -> None:
        assert await self.real.audit_limits() == [], self.done[-5:]
        for scope in Scope:
            for (kind, key), used in self.tables.used.items():
                stakes = [
                    held.reserved
                    for held in self.tables.held.values()
                    if held.is_open and _key(held.intent, scope) == key
                ]
                exposed = [
                    row.record.exposure
                    for row in self.tables.positions.values()
                    if _position_key(row.record, scope) == key
                ]
                if kind is scope:
                    assert used == sum([*stakes, *exposed], Decimal(0)), self.done[-5:]


def _key(intent: Intent, scope: Scope) -> str:
    return {
        Scope.WALLET: intent.order.unsigned.maker,
        Scope.WHALE: intent.whale,
        Scope.MARKET: intent.condition_id,
        Scope.POSITION: intent.position_id,
    }[scope]


def _position_key(record: Any, scope: Scope) -> str:
    return str(
        {
            Scope.WALLET: record.wallet,
            Scope.WHALE: record.whale,
            Scope.MARKET: record.condition_id,
            Scope.POSITION: record.position_id,
        }[scope]
    )


def _plain(answer: object) -> object:
    """Return an answer without what only a person reads."""
    match answer:
        case Refusal():
            return answer.reason
        case Portfolio():
            return (answer.cash, answer.bid_value, answer.entries_halted)
        case list() | tuple():
            return [_plain(each) for each in answer]
        case _:
            return answer


@pytest.mark.parametrize("seed", [0, 2, 3])
async def test_both_records_say_the_same_after_every_step(real: PostgresStore, seed: int) -> None:
    twins = Twins(real, seed)
    await twins.begin()
    for n in range(STEPS):
        await twins.step()
        if n % 8 == 7:
            await twins.compare()
    sold = [intent for intent in twins.intents if intent.side is Side.SELL]
    entered = [intent for intent in twins.intents if intent.side is Side.BUY]
    assert len(entered) > 5
    assert len(sold) > 0
