"""Sees resolved positions paid by the chain's payout vector, and books it when they are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from temporalio import activity

from activities.markets import MarketDesk
from activities.pauses import rest
from activities.redeeming import Redeeming
from exchange.port import ExchangeError
from exchange.redeem_port import Redeemer
from storage.port import Event, PositionRecord, PositionStore, StorageError
from storage.redeem_port import RedeemStore
from trading.rules import RedemptionRules
from trading.types import Market, PositionId, PositionState, Price, Shares

GROWTH = 2  # of the time between two looks
PAGE = "PAGE"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RedemptionPorts:
    """What redemption looks at and writes to."""

    redeemer: Redeemer
    redeeming: Redeeming
    positions: PositionStore
    store: RedeemStore
    markets: MarketDesk


@dataclass(slots=True)
class _Watch:
    """What one wait has seen so far; `is_gone`: the chain said once that nothing is held."""

    began_at: datetime
    is_gone: bool = False


class RedemptionActivities:
    """The end of a position whose market has a result; `pause` waits between two looks."""

    def __init__(
        self,
        ports: RedemptionPorts,
        rules: RedemptionRules,
        clock: Callable[[], datetime],
        pause: Callable[[timedelta], Awaitable[None]] = rest,
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._pause = pause

    @activity.defn
    async def redeem_position(self, position_id: PositionId) -> PositionState:
        """Redeem a resolved position and book it, however long that takes.

        A result that is disputed or late is waited for. Cash is booked, and capital free, when
        the chain holds none of the shares any more on two looks: whoever redeemed them.
        """
        watch, wait = _Watch(self._clock()), self._rules.looks_apart
        while True:
            activity.heartbeat()
            record = await self._ports.positions.load_position(position_id)
            assert record is not None, f"expected position {position_id} in the database"
            if record.state.is_over:
                return record.state
            try:
                state = await self._advance(record, watch)
            except ExchangeError as error:
                log.warning("redemption_delayed", position_id=position_id, error=str(error))
                state = record.state
            if state.is_over:
                return state
            await self._pause(wait)
            wait = min(wait * GROWTH, self._rules.looks_apart_max)

    async def _advance(self, record: PositionRecord, watch: _Watch) -> PositionState:
        if record.size != record.settled_size:
            return record.state  # trades are still on their way to the chain
        market = await self._market(record)
        if market is None or market.payouts is None:
            return record.state
        activity.heartbeat()
        place = market.token_ids.index(record.token_id)
        vector = await self._ports.redeemer.fetch_payouts(market)
        if vector is None or tuple(vector) != tuple(market.payouts):
            await self._page_difference(market, tuple(vector or ()))
            return await self._resolve(record, market.payouts[place])
        payout = vector[place]
        if payout == 0:
            return await self._book(record, payout)
        return await self._settle(record, market, payout, watch)

    async def _settle(
        self, record: PositionRecord, market: Market, payout: Price, watch: _Watch
    ) -> PositionState:
        """Book what is gone from the chain; have the rest redeemed."""
        activity.heartbeat()
        place = market.token_ids.index(record.token_id)
        held = (await self._ports.redeemer.fetch_held(market))[place]
        if held > 0:
            return await self._collect(record, market, payout, watch)
        if not watch.is_gone:  # a node that lags may not know of shares that have just come
            watch.is_gone = True
            return record.state
        await self._ports.redeeming.adopt(market.condition_id)
        return await self._book(record, payout)

    async def _collect(
        self, record: PositionRecord, market: Market, payout: Price, watch: _Watch
    ) -> PositionState:
        """Have the shares redeemed, ours and those of other positions in one transaction."""
        watch.is_gone = False
        state = await self._resolve(record, payout)
        await self._ports.store.mark_redeemable(record.position_id, self._clock())
        now = self._clock()
        if now >= watch.began_at + self._rules.grace:
            activity.heartbeat()
            await self._ports.redeeming.drive(market)
        if now >= watch.began_at + self._rules.page_after:
            await self._page(f"unpaid/{record.position_id}", "resolved shares are not paid", market)
        return state

    async def _resolve(self, record: PositionRecord, payout: Price) -> PositionState:
        """Note the payout; what is held counts against the limits until it is paid."""
        if record.state in (PositionState.RESOLVED, PositionState.REDEEMABLE):
            return record.state
        settled = await self._ports.positions.settle_resolution(
            record.position_id, payout, redeemed=False, now=self._clock()
        )
        return settled.state

    async def _book(self, record: PositionRecord, payout: Price) -> PositionState:
        settled = await self._ports.positions.settle_resolution(
            record.position_id, payout, redeemed=True, now=self._clock()
        )
        return settled.state

    async def _page_difference(self, market: Market, vector: tuple[Price, ...]) -> None:
        """Tell a person where chain and venue say different things; no report yet is none."""
        if vector:
            title = f"the chain pays {vector}, the venue says {market.payouts}"
            await self._page(f"payouts/{market.condition_id}", title, market)

    async def _page(self, key: str, title: str, market: Market) -> None:
        await self._ports.store.record_event_once(key, page_of(title, market, self._clock()))

    async def _market(self, record: PositionRecord) -> Market | None:
        found = await self._ports.markets.refresh(record.token_id)
        return found or await self._ports.markets.find(record.token_id)


class RedemptionKeeper:
    """Redeems what no position waits for, the dust of closed ones; pages for late results."""

    def __init__(
        self, ports: RedemptionPorts, rules: RedemptionRules, clock: Callable[[], datetime]
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._seen: dict[PositionId, datetime] = {}  # dust that is worth something, since when

    async def run(self, pause: Callable[[timedelta], Awaitable[None]] = rest) -> None:
        """Look now and then until cancelled; what cannot be asked is asked again."""
        while True:
            try:
                await self.look()
            except (ExchangeError, StorageError) as error:
                log.warning("redemptions_not_looked_at", error=str(error))
            await pause(self._rules.keeper_looks)

    async def look(self) -> None:
        """Look once at every open position and all dust."""
        for record in await self._ports.positions.list_open():
            await self._tell_late(record)
        dust = await self._ports.positions.list_dust()
        ids = {record.position_id for record in dust}
        self._seen = {key: at for key, at in self._seen.items() if key in ids}
        for record in dust:
            await self._redeem_dust(record)

    async def _tell_late(self, record: PositionRecord) -> None:
        market = await self._ports.markets.find(record.token_id)
        if market is None or market.ends_at is None:
            return
        if self._clock() < market.ends_at + self._rules.page_after:
            return
        market = await self._ports.markets.refresh(record.token_id) or market
        if market.payouts is None:
            title = "no result a day after the market's end"
            key = f"late/{market.condition_id}"
            await self._ports.store.record_event_once(key, page_of(title, market, self._clock()))

    async def _redeem_dust(self, record: PositionRecord) -> None:
        market = await self._ports.markets.refresh(record.token_id)
        if market is None or market.payouts is None:
            return
        place = market.token_ids.index(record.token_id)
        if market.payouts[place] == 0 or await self._held(market, place) == 0:
            return
        since = self._seen.setdefault(record.position_id, self._clock())
        if self._clock() >= since + self._rules.grace:
            await self._ports.redeeming.drive(market)

    async def _held(self, market: Market, place: int) -> Shares:
        return (await self._ports.redeemer.fetch_held(market))[place]


def page_of(title: str, market: Market, now: datetime) -> Event:
    """Return an event that calls a person about a market."""
    ids = {"condition_id": market.condition_id}
    return Event(
        "redemption_page", PAGE, f"{title}: '{market.question}'", now, ids, {"slug": market.slug}
    )
