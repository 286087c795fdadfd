"""Stop, target, a person and the whale want out of one position within 10 ms, in any weather."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import tests.simulation.ports
from activities.leaving import ExitDesk
from activities.records import Command, ExitStep, ShareCommand
from storage.exit_port import SaleOrder
from storage.port import ExitOrder, PositionRecord
from tests.simulation import position_records
from tests.simulation.loop import MICROS
from tests.simulation.order_records import _insert as insert_intent
from tests.simulation.plants import put
from tests.simulation.ports import Records
from tests.simulation.scenario import Play
from tests.simulation.tables import Offered, Tables
from tests.simulation.terms import decimal_of
from trading.orders import Intent
from trading.types import (
    ExitReason,
    ExitRequest,
    Market,
    PositionId,
    PositionState,
    Price,
    Shares,
    Side,
    SignalId,
    Source,
    WhaleSignal,
)
from workflows import names
from workflows.requests import Requests

WITHIN = 10_000
"""Microseconds between the first and the last who want out."""
LOOK_EVERY = 200_000
SOLD = SignalId("sold")


class Rush(Play):
    """One seed: an entry, and then everybody wants out at once; `share` is what a person wants."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.horizon = 40 * MICROS
        self.share = self.rng.choice((Decimal(1), Decimal(1), Decimal("0.5")))
        self.has_levels = self.rng.random() < 0.7
        self.rushed: PositionId | None = None

    @property
    def is_whole(self) -> bool:
        """Tell whether somebody wants everything sold."""
        return self.has_levels or self.share == 1

    def find_faults(self) -> Sequence[str]:
        """Play, and return what went wrong."""
        return [*self.run().violations, *self._own_faults()]

    def _plan(self) -> None:
        self.world.loop.at(1, self._tell_buy, "s0")
        self.world.loop.at(LOOK_EVERY, self._look)
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            self._at(1.0, self.rng.choice((self._kill_somebody, self._freeze_somebody)))
        if self.rng.random() < 0.2:
            self._at(1.0, self.rng.choice((self._break_database, self._break_server)))

    def _wish_for_the_end(self) -> None:
        """Want nothing more: each got one exit."""

    def _look(self) -> None:
        for record in position_records.list_open(self.world.tables):
            owner = names.position_workflow_id(record.position_id)
            if record.state is PositionState.OPEN and self.world.server.is_running(owner):
                self.rushed = record.position_id
                wait = self.rng.choice((4, 20)) * MICROS
                self.world.loop.after(self.rng.randrange(wait), self._rush, record)
                return
        if self.world.loop.now < self.horizon:
            self.world.loop.after(LOOK_EVERY, self._look)

    def _rush(self, record: PositionRecord) -> None:
        owner, server = names.position_workflow_id(record.position_id), self.world.server
        if self.is_whole and not self._is_growing(record):
            self.world.asked_exits.append(record.position_id)
        position_records.record_signal(self.world.tables, self._sale(record), self.world.clock())
        position_records.release_claim(self.world.tables, SOLD, "us")
        wishes = [ExitRequest(ExitReason.WHALE_EXIT, Decimal("0.4"), SOLD, who="whale")]
        if self.has_levels:
            wishes += [ExitRequest(r) for r in (ExitReason.STOP_LOSS, ExitReason.TAKE_PROFIT)]
        for wish in wishes:
            wait = self.rng.randrange(WITHIN)
            self.world.loop.after(wait, server.signal, owner, names.REQUEST_EXIT, wish)
        name, asked = names.CLOSE, Command("me", "news")
        told: Command | ShareCommand = asked
        if self.share < 1:
            name, told = names.CLOSE_SHARE, ShareCommand("me", "news", self.share)
        self.world.loop.after(self.rng.randrange(WITHIN), server.update, owner, name, told)
        self.world.count("rushes")

    def _sale(self, record: PositionRecord) -> WhaleSignal:
        quote, now = self.world.venue.quotes[record.token_id], self.world.clock()
        return WhaleSignal(
            signal_id=SOLD,
            wallet=record.whale,
            token_id=record.token_id,
            side=Side.SELL,
            size=Shares(Decimal(1000)),
            price=Price(decimal_of(quote.bid)),
            fill_count=1,
            traded_at=now - timedelta(seconds=1),
            detected_at=now,
            source=Source.CHAIN,
            transaction_hash=SOLD,
        )

    def _own_faults(self) -> Iterator[str]:
        tables = self.world.tables
        if self.rushed is None or SOLD not in tables.signals:
            return
        if not tables.signals[SOLD].state.is_terminal:
            yield "the whale's sale has no end"
        plans = [plan for (of, _), plan in tables.exits.items() if of == self.rushed]
        is_whole = self.has_levels or self.share == 1
        record = tables.positions[self.rushed].record
        is_nothing = record.size < self.world.market_of(record.token_id).min_size
        if not plans and (is_nothing or self.rushed not in self.world.asked_exits):
            return  # the chain refused what was bought, or the run did not wait for the exit
        if is_whole and len(plans) != 1:
            yield f"expected one exit, received {len(plans)}"
        # what comes after the exit began follows it: one exit or two, but the same in all
        if not self.is_whole and not 1 <= len(plans) <= 2:
            yield f"expected one exit or two, received {len(plans)}"
        answered = [signal_id for plan in plans for signal_id in plan.signal_ids]
        if len(answered) != len(set(answered)):
            yield f"a sale was answered twice: {answered}"


@contextmanager
def an_exit_for_everybody() -> Iterator[None]:
    """Sell for each who asks what was once bought, as code without one owner of exits does."""

    def take(self: Requests, *, is_held: bool = False) -> tuple[ExitRequest, ...]:
        del is_held
        taken, self._waiting = tuple(self._waiting[:1]), self._waiting[1:]
        return taken

    def begin_exit(
        tables: Tables, position_id: PositionId, reason: ExitReason, now: datetime
    ) -> int:
        del reason, now
        row = tables.positions[position_id]
        epoch = row.record.exit_epoch + 1
        row.record = replace(row.record, state=PositionState.EXITING, exit_epoch=epoch)
        return epoch

    def commit_exit(tables: Tables, exit_order: ExitOrder, now: datetime) -> Intent:
        insert_intent(tables, exit_order.intent, now)
        offered = Offered(exit_order.intent.position_id, exit_order.intent.order.size)
        tables.offers[exit_order.intent.intent_id] = offered
        return exit_order.intent

    then = ExitDesk._next

    async def of_what_was_bought(
        self: ExitDesk,
        record: PositionRecord,
        market: Market,
        step: ExitStep,
        sales: Sequence[SaleOrder],
    ) -> ExitStep:
        book: Any = self._ports.exits
        bought = sum(
            row.progress.matched
            for row in book.tables.orders.values()
            if row.intent.position_id == record.position_id and row.intent.side is Side.BUY
        )
        held = replace(record, size=Shares(bought), settled_size=Shares(bought))
        return await then(self, held, market, replace(step, target=Shares(bought)), sales)

    planted: tuple[tuple[object, str, Callable[..., object]], ...] = (
        (Requests, "take", take),
        (Records, "begin_exit", tests.simulation.ports._remote(begin_exit)),
        (Records, "commit_exit", tests.simulation.ports._remote(commit_exit)),
        (ExitDesk, "_next", of_what_was_bought),
    )
    with ExitStack() as stack:
        for owner, name, naive in planted:
            stack.enter_context(put(owner, name, naive))
        yield
