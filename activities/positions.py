"""Mark a position, watch its levels, sell it step by step, see it resolved and paid out."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from temporalio import activity

from activities.markets import MarketDesk
from activities.records import Attempt, ExitStep, PositionReview
from exchange.port import OrderGateway, UnavailableError
from storage.level_port import LevelStore, exit_levels, kept_levels
from storage.port import (
    Event,
    FactStore,
    Mark,
    OrderStore,
    PositionRecord,
    StorageUnavailableError,
)
from trading.exits import ExitLevels, ExitWatch, levels_at_entry, read_exit
from trading.levels import change_levels, follow_bid
from trading.orders import Intent
from trading.rules import ExitRules
from trading.types import (
    ZERO,
    ExitReason,
    LevelChange,
    Market,
    OrderHash,
    PositionId,
    PositionState,
    Price,
    Shares,
    Side,
    Usd,
)

CENT_OF_A_SHARE = Decimal("0.01")
SWAPS_MAX = 10
REDEMPTION_POLL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PositionPorts:
    """What the position activities look at and write to."""

    gateway: OrderGateway
    orders: OrderStore
    positions: LevelStore
    facts: FactStore
    markets: MarketDesk


@dataclass(frozen=True, slots=True)
class _Sales:
    """What one exit has offered and sold so far."""

    size: Shares
    attempts: int
    order_hashes: tuple[OrderHash, ...]
    left: tuple[OrderHash, ...]  # that the venue may still fill, or that were never sent
    unended: Intent | None  # the newest of these


async def rest(time: timedelta) -> None:
    """Wait by the event loop's own clock."""
    await asyncio.sleep(time / timedelta(seconds=1))


class PositionActivities:
    """Steps of a position's life after its fills; `pause` waits between two looks."""

    def __init__(
        self,
        ports: PositionPorts,
        rules: ExitRules,
        clock: Callable[[], datetime],
        pause: Callable[[timedelta], Awaitable[None]] = rest,
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._pause = pause

    @activity.defn
    async def review_position(self, position_id: PositionId) -> PositionReview:
        """Mark the position at the bid, set or trail its levels, and tell what is to be done."""
        record = await self._load(position_id)
        market = await self._market(record)
        if record.state.is_over or market.payouts is not None:
            return self._review(record, market)
        record = await self._marked(record, market)
        reason = await self._due_exit(record, market)
        return self._review(record, market, reason)

    @activity.defn
    async def set_levels(self, position_id: PositionId, change: LevelChange) -> None:
        """Move or drop levels on a person's word, and keep who and why."""
        for _ in range(SWAPS_MAX):
            if await self._change_levels(await self._load(position_id), change):
                break
        else:
            raise StorageUnavailableError(f"the levels of {position_id} never stood still")
        await self._ports.facts.record_event(
            Event(
                type="levels_set",
                severity="INFO",
                title=f"{change.who} set exit levels: {change.why}",
                at=self._clock(),
                ids={"position_id": position_id},
            )
        )

    @activity.defn
    async def begin_exit(
        self, position_id: PositionId, reason: ExitReason, share: Decimal
    ) -> ExitStep:
        """Begin the position's one exit, or join the one that runs; fix how much it sells."""
        epoch = await self._ports.positions.begin_exit(position_id, reason, self._clock())
        record = await self._load(position_id)
        held = record.size + (await self._sales(record, epoch)).size  # when the exit began
        target = Shares((held * share).quantize(CENT_OF_A_SHARE, ROUND_DOWN))
        return await self._step(record, _first_step(epoch, reason, target))

    @activity.defn
    async def next_exit_step(self, position_id: PositionId, step: ExitStep) -> ExitStep:
        """Tell what is left to sell after an attempt: more, nothing yet, or nothing at all."""
        return await self._step(await self._load(position_id), step)

    @activity.defn
    async def end_exit(self, position_id: PositionId) -> PositionState:
        """End the exit: CLOSED when only dust is left, else OPEN again."""
        return (await self._ports.positions.end_exit(position_id, self._clock())).state

    @activity.defn
    async def await_redemption(self, position_id: PositionId) -> PositionState:
        """Book a resolved position: its payout when known, its cash when the venue has paid."""
        while True:
            activity.heartbeat()
            record = await self._load(position_id)
            if record.state.is_over:
                return record.state
            state = await self._book_payout(record)
            if state.is_over:
                return state
            await self._pause(REDEMPTION_POLL)

    async def _book_payout(self, record: PositionRecord) -> PositionState:
        """Book what is known of the payout and return the state that follows."""
        if record.size != record.settled_size:
            return record.state  # trades are still on their way to the chain
        market = await self._market(record)
        if market.payouts is None:
            return record.state
        payout = market.payouts[market.token_ids.index(record.token_id)]
        try:
            redeemed = payout == 0 or await self._ports.gateway.fetch_shares(record.token_id) == 0
        except UnavailableError:
            return record.state
        if record.state is PositionState.RESOLVED and not redeemed:
            return record.state
        settled = await self._ports.positions.settle_resolution(
            record.position_id, payout, redeemed=redeemed, now=self._clock()
        )
        return settled.state

    async def _step(self, record: PositionRecord, step: ExitStep) -> ExitStep:
        market = await self._market(record)
        sales = await self._sales(record, step.exit_epoch)
        step = replace(
            step,
            number=sales.attempts + 1,
            order_hashes=sales.order_hashes,
            left=sales.left,
        )
        if sales.unended is not None:
            return _again(sales.unended, step)
        left = min(step.target - sales.size, record.size)
        may_sell = step.exit_epoch > 0 and not market.is_closed and market.payouts is None
        if not may_sell or left < market.min_size:
            summary = f"sold {sales.size} of {step.target}"
            return replace(step, is_finished=True, attempt=None, summary=summary)
        sellable = min(left, record.settled_size).quantize(CENT_OF_A_SHARE, ROUND_DOWN)
        if sellable < market.min_size:
            return replace(step, attempt=None, summary="waiting for the entry to settle")
        attempt = Attempt(
            number=step.number,
            side=Side.SELL,
            size=Shares(sellable),
            limit_price=None,
            position_id=record.position_id,
            exit_epoch=step.exit_epoch,
            exit_reason=step.reason,
        )
        return replace(step, attempt=attempt, summary=f"sell {sellable} of {step.target}")

    async def _sales(self, record: PositionRecord, epoch: int) -> _Sales:
        size, attempts = ZERO, 0
        left: list[OrderHash] = []
        unended: Intent | None = None
        order_hashes = await self._ports.orders.orders_of_exit(record.position_id, epoch)
        for order_hash in order_hashes:
            progress = await self._ports.orders.load_progress(order_hash)
            intent = await self._ports.orders.load_intent(order_hash)
            assert progress is not None, f"expected order {order_hash} in the database"
            assert intent is not None, f"expected a committed intent for order {order_hash}"
            size += progress.matched
            attempts = max(attempts, intent.attempt)
            if not progress.state.is_terminal:
                left.append(order_hash)
                unended = intent
        return _Sales(Shares(size), attempts, tuple(order_hashes), tuple(left), unended)

    async def _marked(self, record: PositionRecord, market: Market) -> PositionRecord:
        """Store the bid as mark and set, or trail, the levels of the entry price."""
        book = await self._ports.markets.book(record.token_id)
        if not book.bids or record.avg_entry_price is None:
            return record
        bid = book.bids[0].price
        await self._ports.positions.save_marks([Mark(record.token_id, bid, book.at)])
        if read_exit(book, record.size, self._clock(), self._rules).fault:
            return await self._load(record.position_id)  # a doubtful bid trails no stop
        entry, tick_size = record.avg_entry_price, market.tick_size
        trailed = follow_bid(exit_levels(record), entry, bid, tick_size, self._rules)
        await self._swap_levels(record, trailed)
        return await self._load(record.position_id)

    async def _change_levels(self, record: PositionRecord, change: LevelChange) -> bool:
        levels, entry = exit_levels(record), record.avg_entry_price
        if levels.high_water is None and entry is not None:  # those not named are placed too
            market = await self._market(record)
            levels = levels_at_entry(entry, market.tick_size, self._rules)
        return await self._swap_levels(record, change_levels(levels, change))

    async def _swap_levels(self, record: PositionRecord, levels: ExitLevels) -> bool:
        """Store levels unless somebody else moved them since the record was read."""
        before, after = kept_levels(exit_levels(record)), kept_levels(levels)
        if before == after:
            return True
        return await self._ports.positions.swap_levels(record.position_id, before, after)

    async def _due_exit(self, record: PositionRecord, market: Market) -> ExitReason | None:
        """Return why the position must go: the same condition on two valid reads apart."""
        if record.size < market.min_size or market.is_closed:
            return None  # nothing that could be sold
        watch, _ = await self._observe(ExitWatch(), record)
        if watch.pending is None:
            return None
        await self._pause(self._rules.reads_apart)
        _, reason = await self._observe(watch, record)
        return reason

    async def _observe(
        self, watch: ExitWatch, record: PositionRecord
    ) -> tuple[ExitWatch, ExitReason | None]:
        book = await self._ports.markets.book(record.token_id)
        read = read_exit(book, record.size, self._clock(), self._rules)
        return watch.observe(exit_levels(record), read, self._rules)

    def _review(
        self, record: PositionRecord, market: Market, reason: ExitReason | None = None
    ) -> PositionReview:
        mark = record.mark_price or Price(ZERO)
        entry = record.avg_entry_price or Price(ZERO)
        pnl = Usd(record.realised_pnl + record.size * (mark - entry))
        outcome = market.outcome_of(record.token_id)
        held = f"{record.size:f} {outcome} @ {entry:.4f}, bid {mark:.4f}"
        return PositionReview(
            position_id=record.position_id,
            state=record.state,
            size=record.size,
            settled_size=record.settled_size,
            exit_epoch=record.exit_epoch,
            pnl=pnl,
            summary=f"{record.state} {held}, P&L ${pnl:+.2f} '{market.question}'",
            mark_every_s=int(self._rules.mark_every / timedelta(seconds=1)),
            exit_reason=reason,
            is_resolved=market.payouts is not None and not record.state.is_over,
        )

    async def _market(self, record: PositionRecord) -> Market:
        """Return the market as it is now, or as it was last seen when the venue drops it."""
        market = await self._ports.markets.refresh(record.token_id)
        market = market or await self._ports.markets.find(record.token_id)
        assert market is not None, f"expected token {record.token_id} to have a market"
        return market

    async def _load(self, position_id: PositionId) -> PositionRecord:
        record = await self._ports.positions.load_position(position_id)
        assert record is not None, f"expected position {position_id} in the database"
        return record


def _again(intent: Intent, step: ExitStep) -> ExitStep:
    """Return the attempt that was committed and has not ended: what it offers is not free yet.

    Its key finds the stored intent again, so that the same order is placed and followed.
    """
    attempt = Attempt(
        number=intent.attempt,
        side=Side.SELL,
        size=intent.order.size,
        limit_price=None,
        position_id=intent.position_id,
        exit_epoch=intent.exit_epoch,
        exit_reason=step.reason,
    )
    summary = f"go on with attempt {intent.attempt}"
    return replace(step, number=intent.attempt, attempt=attempt, summary=summary)


def _first_step(epoch: int, reason: ExitReason, target: Shares) -> ExitStep:
    return ExitStep(
        epoch, reason, target, number=1, is_finished=False, attempt=None, summary="begins"
    )
