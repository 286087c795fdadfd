"""The order book's streams: books of watched tokens, and news of our own orders and trades."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.lines import LineRules, run_line
from exchange.polymarket.market_talk import MarketTalk
from exchange.polymarket.pump import Emit, pump
from exchange.polymarket.rereads import FetchBooks, reread_for_ever
from exchange.polymarket.rest import ApiUser
from exchange.polymarket.wire import excerpt, parse, read_objects
from exchange.polymarket.wire_clob import OrderRow, TradeRow, order_of
from exchange.port import AccountEvent, MarketEvent, Quarantined, StreamReset, TokenSet, WireError
from trading.orders import VenueTrade
from trading.types import OrderBook, TokenId

TOKENS_PER_SOCKET = 200
"""Beyond 500 tokens the venue sends no first snapshots; this stays well below."""

MARKET_RULES = LineRules(
    first_data_within=timedelta(seconds=30), data_within=timedelta(seconds=120)
)
ACCOUNT_RULES = LineRules()
"""A quiet account is normal: only a missing PONG tells that its socket is dead."""

ReadTrade = Callable[[TradeRow], Awaitable[Sequence[VenueTrade]]]


class MarketStream:
    """Books, trades and resolutions of a changing set of tokens, over as many sockets as needed."""

    def __init__(
        self,
        access: VenueAccess,
        fetch_book: Callable[[TokenId], Awaitable[OrderBook]],
        rules: LineRules = MARKET_RULES,
        fetch_books: FetchBooks | None = None,
    ) -> None:
        """Take where to ask for the tick size of a token whose snapshot leaves it out.

        With `fetch_books`, books of which nothing is told are asked for.
        """
        self._fetch_books = fetch_books
        self._url = access.endpoints.ws_market
        self._clock = access.clock
        self._fetch_book = fetch_book
        self._rules = rules
        self._rng = Random()  # noqa: S311 - spreads reconnections, guards nothing

    def events(self, tokens: TokenSet) -> AsyncIterator[MarketEvent]:
        """Yield events for ever; every socket's connection begins with a StreamReset."""

        async def produce(emit: Emit[MarketEvent]) -> None:
            await self._follow(tokens, emit)

        return pump(produce)

    async def _follow(self, tokens: TokenSet, emit: Emit[MarketEvent]) -> None:
        talks: list[MarketTalk] = []
        async with asyncio.TaskGroup() as group:
            if self._fetch_books is not None:
                group.create_task(reread_for_ever(talks, self._fetch_books, self._clock))
            while True:
                for talk in assign(tokens.current(), talks, lambda: self._new_talk(emit)):
                    group.create_task(run_line(self._url, talk, self._rules, self._rng))
                await tokens.changed()

    def _new_talk(self, emit: Emit[MarketEvent]) -> MarketTalk:
        return MarketTalk(emit, self._clock, self._fetch_book)


def assign(
    wanted: frozenset[TokenId], talks: list[MarketTalk], new_talk: Callable[[], MarketTalk]
) -> list[MarketTalk]:
    """Give every wanted token to one socket; return the talks that had to be added.

    A token stays with its socket as long as it is wanted.
    """
    for talk in talks:
        talk.want(talk.tokens & wanted)
    missing = sorted(wanted.difference(*(talk.tokens for talk in talks)))
    added = []
    position = 0
    while missing:
        if position == len(talks):
            talks.append(new_talk())
            added.append(talks[-1])
        talk = talks[position]
        room = TOKENS_PER_SOCKET - len(talk.tokens)
        talk.want(talk.tokens | frozenset(missing[:room]))
        missing = missing[room:]
        position += 1
    return added


class AccountStream:
    """Our orders' and trades' updates; nothing is told again after a reconnection."""

    def __init__(
        self,
        access: VenueAccess,
        user: ApiUser,
        read_trade: ReadTrade,
        rules: LineRules = ACCOUNT_RULES,
    ) -> None:
        """Take who listens, and how our parts of a trade are told from the others'."""
        self._access = access
        self._user = user
        self._read_trade = read_trade
        self._rules = rules
        self._rng = Random()  # noqa: S311 - spreads reconnections, guards nothing

    def events(self) -> AsyncIterator[AccountEvent]:
        """Yield updates for ever; each connection begins with a StreamReset."""

        async def produce(emit: Emit[AccountEvent]) -> None:
            talk = AccountTalk(emit, self._user, self._read_trade, self._access.clock)
            await run_line(self._access.endpoints.ws_user, talk, self._rules, self._rng)

        return pump(produce)


class AccountTalk:
    """What is said and heard on the user socket."""

    name = "account"

    def __init__(
        self,
        emit: Emit[AccountEvent],
        user: ApiUser,
        read_trade: ReadTrade,
        clock: Callable[[], datetime],
    ) -> None:
        """Listen to every market of the user."""
        self._emit = emit
        self._user = user
        self._read_trade = read_trade
        self._clock = clock
        self.wake = asyncio.Event()

    async def wanted(self) -> None:
        """Return at once: our own news is always wanted."""

    def hello(self) -> Sequence[str]:
        """Subscribe with the API key; no `markets` means all."""
        credentials = self._user.credentials
        auth = {
            "apiKey": credentials.key,
            "secret": credentials.secret.get_secret_value(),
            "passphrase": credentials.passphrase.get_secret_value(),
        }
        return [json.dumps({"type": "user", "auth": auth})]

    def more(self) -> Sequence[str]:
        """Return nothing."""
        return ()

    async def greeted(self) -> None:
        """Tell that news may have been missed."""
        await self._emit(StreamReset(self._clock()))

    async def hear(self, text: str) -> bool:
        """Emit what concerns our orders; hand what cannot be read to quarantine."""
        if not text.lstrip().startswith(("{", "[")):
            return False  # PONG, or a remark
        try:
            events = [event for item in read_objects(text) for event in await self._read(item)]
        except WireError as error:
            events = [Quarantined("account", str(error), excerpt(text))]
        for event in events:
            await self._emit(event)
        return True

    async def _read(self, item: dict[str, object]) -> Sequence[AccountEvent]:
        match item.get("event_type"):
            case "order":
                return [order_of(parse(OrderRow, item))]
            case "trade":
                return await self._read_trade(parse(TradeRow, item))
            case _:
                return ()
