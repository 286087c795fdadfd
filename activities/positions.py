"""Mark a position, watch its levels, sell it step by step, see it resolved and paid out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from temporalio import activity

from activities.commands import EventBook
from activities.details import describe_position, pnl_of
from activities.evidence import tell_alive
from activities.leaving import ExitDesk, ExitPorts
from activities.markets import MarketDesk
from activities.pauses import rest
from activities.records import ExitStep, PositionCommand, PositionNote, PositionReview
from exchange.port import OrderGateway, UnavailableError
from storage.exit_port import ExitStore, Hold
from storage.level_port import LevelStore, exit_levels, kept_levels
from storage.port import (
    Event,
    Mark,
    OrderStore,
    PositionRecord,
    StorageUnavailableError,
)
from trading.exits import ExitLevels, ExitWatch, levels_at_entry, read_exit
from trading.levels import change_levels, follow_bid, place_on_grid
from trading.requests import reason_of
from trading.rules import ExitRules
from trading.types import (
    ExitReason,
    ExitRequest,
    LevelChange,
    Market,
    PositionId,
    PositionState,
)

SWAPS_MAX = 10
REDEMPTION_POLL = timedelta(seconds=1)


class OwnerBook(ExitStore, EventBook, Protocol):
    """What a position's owner keeps beside it: exits, holds, and what it was asked."""


@dataclass(frozen=True, slots=True)
class PositionPorts:
    """What the position activities look at and write to."""

    gateway: OrderGateway
    orders: OrderStore
    positions: LevelStore
    book: OwnerBook
    markets: MarketDesk


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
        leaving = ExitPorts(ports.gateway, ports.orders, ports.book)
        self._exits = ExitDesk(leaving, rules, clock)

    @activity.defn
    async def review_position(self, position_id: PositionId) -> PositionReview:
        """Mark the position at the bid, set or trail its levels, and tell what is to be done."""
        record = await self._load(position_id)
        market = await self._market(record)
        if record.state.is_over or market.payouts is not None:
            return await self._review(record, market)
        tell_alive()
        record = await self._marked(record, market)
        tell_alive()
        reason = await self._due_exit(record, market)
        return await self._review(record, market, reason)

    @activity.defn
    async def set_levels(self, position_id: PositionId, change: LevelChange, key: str = "") -> None:
        """Move or drop levels on a person's word, and keep who and why, once for each `key`."""
        for _ in range(SWAPS_MAX):
            if await self._change_levels(await self._load(position_id), change):
                break
        else:
            raise StorageUnavailableError(f"the levels of {position_id} never stood still")
        event = Event(
            type="levels_set",
            severity="INFO",
            title=f"{change.who} set exit levels: {change.why}",
            at=self._clock(),
            ids={"position_id": position_id},
            metadata=_levels_in_words(await self._load(position_id)),
        )
        await self._ports.book.record_event_once(key or f"{position_id}/{self._clock()}", event)

    @activity.defn
    async def obey(self, note: PositionNote) -> None:
        """Keep what a person asked of a position, and a hold for as long as it lasts.

        An exit that runs already goes on down to the price that a sale below the floor names.
        """
        command, now = note.command, self._clock()
        if note.kind is PositionCommand.HOLD:
            hold = Hold(note.position_id, command.who, command.why, now)
            await self._ports.book.hold_position(hold)
        if note.lowest is not None:
            await self._ports.book.lower_exit(note.position_id, note.lowest)
        if note.kind is PositionCommand.RELEASE:
            await self._ports.book.release_position(note.position_id)
        event = Event(
            type=f"position_{note.kind}",
            severity="INFO",
            title=f"{command.who} asked to {note.words}: {command.why}",
            at=now,
            ids={"position_id": note.position_id},
            metadata={"who": command.who, "why": command.why},
        )
        await self._ports.book.record_event_once(note.key, event)

    @activity.defn
    async def begin_exit(
        self,
        position_id: PositionId,
        reason: ExitReason,
        share: Decimal,
        asked: tuple[ExitRequest, ...] = (),
    ) -> ExitStep:
        """Begin the position's one exit, or join the one that runs; how much it sells stays fixed.

        Those who `asked` come to one share together; with none, `reason` and `share` count.
        """
        asked = asked or (ExitRequest(reason, share),)
        await self._ports.positions.begin_exit(position_id, reason_of(asked), self._clock())
        record = await self._load(position_id)
        return await self._exits.begin(record, await self._known_market(record), asked)

    @activity.defn
    async def next_exit_step(self, position_id: PositionId, step: ExitStep) -> ExitStep:
        """Tell what is left to sell after an attempt: more, nothing yet, or nothing at all."""
        record = await self._load(position_id)
        return await self._exits.next(record, await self._market(record), step)

    @activity.defn
    async def page_exit(self, position_id: PositionId, step: ExitStep, name: str) -> None:
        """Tell a person of an exit that is not done, once for each name."""
        await self._exits.page(position_id, step.exit_epoch, name, step.summary)

    @activity.defn
    async def end_exit(self, position_id: PositionId, epoch: int | None = None) -> PositionState:
        """End the exit of this epoch: CLOSED when only dust is left, else OPEN again."""
        return (await self._ports.positions.end_exit(position_id, self._clock(), epoch)).state

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
        levels = change_levels(levels, change)
        if entry is not None:
            levels = place_on_grid(levels, entry, (await self._market(record)).tick_size)
        return await self._swap_levels(record, levels)

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
        tell_alive()
        await self._pause(self._rules.reads_apart)
        _, reason = await self._observe(watch, record)
        return reason

    async def _observe(
        self, watch: ExitWatch, record: PositionRecord
    ) -> tuple[ExitWatch, ExitReason | None]:
        book = await self._ports.markets.book(record.token_id)
        read = read_exit(book, record.size, self._clock(), self._rules)
        return watch.observe(exit_levels(record), read, self._rules)

    async def _review(
        self, record: PositionRecord, market: Market, reason: ExitReason | None = None
    ) -> PositionReview:
        hold = await self._ports.book.find_hold(record.position_id)
        return PositionReview(
            position_id=record.position_id,
            state=record.state,
            size=record.size,
            settled_size=record.settled_size,
            exit_epoch=record.exit_epoch,
            pnl=pnl_of(record),
            summary=describe_position(record, market, hold),
            mark_every_s=int(self._rules.mark_every / timedelta(seconds=1)),
            exit_reason=reason,
            is_resolved=market.payouts is not None and not record.state.is_over,
            held_by="" if hold is None else f"{hold.who}: {hold.why}",
        )

    async def _market(self, record: PositionRecord) -> Market:
        """Return the market as it is now, or as it was last seen when the venue drops it."""
        market = await self._ports.markets.refresh(record.token_id)
        market = market or await self._ports.markets.find(record.token_id)
        assert market is not None, f"expected token {record.token_id} to have a market"
        return market

    async def _known_market(self, record: PositionRecord) -> Market:
        """Return the market as it was last seen: what goes must not wait for two more answers.

        If it has closed since, the venue refuses the order, and the next step looks again.
        """
        market = await self._ports.markets.find(record.token_id)
        assert market is not None, f"expected token {record.token_id} to have a market"
        return market

    async def _load(self, position_id: PositionId) -> PositionRecord:
        record = await self._ports.positions.load_position(position_id)
        assert record is not None, f"expected position {position_id} in the database"
        return record


def _levels_in_words(record: PositionRecord) -> dict[str, str]:
    """Return the levels as they stand: what was asked for may have been placed elsewhere."""
    trailing = "off" if record.is_trailing_off else record.trailing_stop_price
    return {
        "stop_loss": str(record.stop_loss_price),
        "take_profit": str(record.take_profit_price),
        "trailing_stop": str(trailing),
    }
