"""What is said and heard on one socket of the market stream."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from exchange.polymarket.mirror import BookMirror
from exchange.polymarket.pump import Emit
from exchange.polymarket.wire import excerpt, read_objects
from exchange.polymarket.wire_clob import BookRow
from exchange.polymarket.wire_market import (
    LastTradeFrame,
    LevelChangeRow,
    MarketFrame,
    PriceChangeFrame,
    ResolvedFrame,
    TickSizeFrame,
    read_market_frame,
)
from exchange.port import (
    BookChange,
    LastTrade,
    MarketEvent,
    MarketResolution,
    Quarantined,
    StreamReset,
    TickSizeChange,
    UnavailableError,
    WireError,
)
from trading.types import ONE, ZERO, ConditionId, OrderBook, Price, Shares, TokenId

ASK_EVERY = timedelta(seconds=30)
"""How often a book that seems wrong is asked for: our own reckoning may be what is wrong."""
SNAPSHOT_WITHIN = timedelta(seconds=2)
BEHIND_MAX = timedelta(seconds=5)
"""A socket that tells of what was so long ago is given up for the sake of fresh snapshots."""
CATCH_UP_EVERY = timedelta(minutes=1)
"""No more often: it may be that the clocks differ."""


class MarketTalk:
    """Subscribes to the tokens wanted of one socket, and mirrors their books."""

    name = "market"

    def __init__(
        self,
        emit: Emit[MarketEvent],
        clock: Callable[[], datetime],
        fetch_book: Callable[[TokenId], Awaitable[OrderBook]],
    ) -> None:
        """Start with no tokens."""
        self._emit = emit
        self._clock = clock
        self._fetch_book = fetch_book
        self._subscribed: frozenset[TokenId] = frozenset()
        self._mirrors: dict[TokenId, BookMirror] = {}
        self._ticks: dict[TokenId, Decimal] = {}
        self._minimums: dict[TokenId, Decimal] = {}
        self._stale: set[TokenId] = set()
        self._told_at: dict[TokenId, datetime] = {}  # its book, by stream or by an answer
        self._asked_at: dict[TokenId, datetime] = {}  # for a snapshot that has not come
        self._doubted_at: dict[TokenId, datetime] = {}
        self._heard_at: datetime | None = None  # any data
        self._caught_up_at: datetime | None = None
        self._fault = ""
        self.tokens: frozenset[TokenId] = frozenset()
        self.wake = asyncio.Event()

    def want(self, tokens: frozenset[TokenId]) -> None:
        """Change what is wanted; said as soon as the socket is free."""
        if tokens == self.tokens:
            return
        for token_id in self.tokens - tokens:
            self._forget(token_id)
        for token_id in tokens - self.tokens:
            self._told_at[token_id] = self._clock()
        self.tokens = tokens
        self.wake.set()

    async def wanted(self) -> None:
        """Return when at least one token is wanted."""
        while not self.tokens:
            await self.wake.wait()
            self.wake.clear()

    def hello(self) -> Sequence[str]:
        """Subscribe to everything wanted; books start anew from their snapshots."""
        self._mirrors.clear()
        self._stale.clear()
        self._asked_at = dict.fromkeys(self.tokens, self._clock())
        self._fault = ""
        self._subscribed = self.tokens
        return [_write({"type": "market", "assets_ids": sorted(self.tokens)})]

    def more(self) -> Sequence[str]:
        """Subscribe and unsubscribe the difference; ask anew for books that were dropped.

        Raises:
            UnavailableError: the socket was found out to tell nothing any more.
        """
        if self._fault:
            raise UnavailableError(self._fault)
        gone = self._subscribed - self.tokens
        again = self._stale & self.tokens
        added = (self.tokens - self._subscribed) | again
        self._asked_at |= dict.fromkeys(added, self._clock())
        self._stale.clear()
        self._subscribed = self.tokens
        frames = []
        if gone or again:
            frames.append(_write({"operation": "unsubscribe", "assets_ids": sorted(gone | again)}))
        if added:
            frames.append(_write({"operation": "subscribe", "assets_ids": sorted(added)}))
        return frames

    async def greeted(self) -> None:
        """Tell that books start anew."""
        await self._emit(StreamReset(self._clock(), self._subscribed))

    def silent(self, since: datetime) -> Sequence[TokenId]:
        """Return the tokens of whose books nothing was told since then, the oldest first."""
        told = self._told_at.items()
        return [token for token, at in sorted(told, key=lambda item: item[1]) if at < since]

    async def take(self, book: OrderBook) -> None:
        """Emit a book that was asked for, and doubt what the stream told if it is another one.

        A mirror that is wrong is dropped for a snapshot. When none comes, and nothing else on this
        socket either, then the socket is dead, whatever it answers to pings.
        """
        token_id, now = book.token_id, self._clock()
        mirror = self._mirrors.get(token_id)
        if token_id not in self.tokens or (mirror is not None and book.at < mirror.at):
            return
        self._told_at[token_id] = now
        if mirror is None or not mirror.has_best(*_best_of(book)):
            self._doubt(token_id, now)
        await self._emit(BookChange(book))

    async def hear(self, text: str) -> bool:
        """Emit what a frame changed; hand what cannot be read to quarantine."""
        if not text.lstrip().startswith(("{", "[")):
            return False  # PONG, or a remark such as NO NEW ASSETS
        is_data = False
        try:
            for item in read_objects(text):
                frame = read_market_frame(self._of_ours(item))
                if frame is not None:
                    is_data = True
                    await self._handle(frame)
        except WireError as error:
            await self._emit(Quarantined("market", str(error), excerpt(text)))
        if is_data:
            self._heard_at = self._clock()
        return is_data

    def _of_ours(self, item: dict[str, object]) -> dict[str, object]:
        """Leave out changes of books that are not mirrored: half of each frame, unread."""
        rows = item.get("price_changes")
        if not isinstance(rows, list):
            return item
        return {**item, "price_changes": [row for row in rows if not self._is_others(row)]}

    def _is_others(self, row: object) -> bool:
        asset_id = row.get("asset_id") if isinstance(row, dict) else None
        return isinstance(asset_id, str) and asset_id.isdecimal() and asset_id not in self._mirrors

    async def _handle(self, frame: MarketFrame) -> None:
        match frame:
            case BookRow():
                await self._start_book(frame)
            case PriceChangeFrame():
                await self._change_books(frame)
            case LastTradeFrame():
                price, size = Price(frame.price), Shares(frame.size)
                await self._emit(LastTrade(frame.asset_id, price, size, frame.timestamp))
            case TickSizeFrame():
                await self._drop_book(frame)
            case ResolvedFrame():
                condition_id = ConditionId(frame.condition_id)
                await self._emit(MarketResolution(condition_id, frame.timestamp))
            case _:
                assert_never(frame)

    async def _start_book(self, row: BookRow) -> None:
        if row.asset_id not in self.tokens:
            return
        tick_size, min_size = await self._terms_of(row)
        mirror = BookMirror(row, tick_size, min_size)
        self._mirrors[row.asset_id] = mirror
        self._asked_at.pop(row.asset_id, None)
        await self._tell(row.asset_id, mirror)

    async def _terms_of(self, row: BookRow) -> tuple[Price, Shares]:
        """Return tick and minimum size: the snapshot's, the last ones told, or asked for."""
        token_id = row.asset_id
        tick_size = row.tick_size or self._ticks.get(token_id)
        min_size = row.min_order_size or self._minimums.get(token_id)
        if tick_size is None or min_size is None:
            book = await self._fetch_book(token_id)
            tick_size, min_size = book.tick_size, book.min_size
        self._ticks[token_id], self._minimums[token_id] = tick_size, min_size
        return Price(tick_size), Shares(min_size)

    async def _change_books(self, frame: PriceChangeFrame) -> None:
        self._note_lag(frame.timestamp)
        changed: dict[TokenId, LevelChangeRow] = {}
        for change in frame.price_changes:
            mirror = self._mirrors.get(change.asset_id)
            if mirror is not None:
                mirror.apply(change, frame.timestamp)
                changed[change.asset_id] = change
        for token_id, newest in changed.items():
            mirror = self._mirrors[token_id]
            if not _fits(mirror, newest):  # a frame before this one was lost
                self._doubt(token_id, self._clock())
            if token_id in self._mirrors:
                await self._tell(token_id, mirror)

    def _note_lag(self, told_at: datetime) -> None:
        now = self._clock()
        is_early = self._caught_up_at is not None and now - self._caught_up_at < CATCH_UP_EVERY
        if now - told_at > BEHIND_MAX and not is_early:
            self._caught_up_at = now
            self._fault = f"is {now - told_at} behind"
            self.wake.set()

    async def _tell(self, token_id: TokenId, mirror: BookMirror) -> None:
        now = self._clock()
        self._told_at[token_id] = now
        await self._emit(BookChange(mirror.book(now)))

    def _doubt(self, token_id: TokenId, now: datetime) -> None:
        """Drop a mirror and ask for its snapshot, now and then; give up a socket that is dead."""
        asked_at = self._asked_at.get(token_id)
        if asked_at is not None and self._is_dead(asked_at, now):
            self._fault = f"sent no snapshot of {token_id} and nothing else"
            self.wake.set()
            return
        before = asked_at or self._doubted_at.get(token_id)
        if before is None or now - before >= ASK_EVERY:
            self._asked_at[token_id] = self._doubted_at[token_id] = now
            self._mirrors.pop(token_id, None)
            self._stale.add(token_id)
            self.wake.set()

    def _is_dead(self, asked_at: datetime, now: datetime) -> bool:
        has_heard = self._heard_at is not None and self._heard_at >= asked_at
        return now - asked_at >= SNAPSHOT_WITHIN and not has_heard

    def _forget(self, token_id: TokenId) -> None:
        self._told_at.pop(token_id, None)
        self._asked_at.pop(token_id, None)
        self._doubted_at.pop(token_id, None)
        self._mirrors.pop(token_id, None)
        self._ticks.pop(token_id, None)
        self._minimums.pop(token_id, None)

    async def _drop_book(self, frame: TickSizeFrame) -> None:
        """Forget a book whose grid has changed, and ask for its snapshot."""
        self._mirrors.pop(frame.asset_id, None)
        self._ticks[frame.asset_id] = frame.new_tick_size
        if frame.asset_id in self.tokens:
            self._stale.add(frame.asset_id)
            self.wake.set()
            await self._emit(TickSizeChange(frame.asset_id, Price(frame.new_tick_size)))


def _best_of(book: OrderBook) -> tuple[Decimal, Decimal]:
    bid = book.bids[0].price if book.bids else ZERO
    return bid, book.asks[0].price if book.asks else ONE


def _fits(mirror: BookMirror, change: LevelChangeRow) -> bool:
    if change.best_bid is None or change.best_ask is None:
        return True
    return mirror.has_best(change.best_bid, change.best_ask)


def _write(frame: dict[str, object]) -> str:
    return json.dumps({**frame, "custom_feature_enabled": True})
