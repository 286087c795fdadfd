"""Hold our cash and shares against the venue's; only the order book's own word makes a suspect."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from activities.evidence import tell_alive
from activities.reconcile import Judge, ReconcilePorts
from exchange.port import ExchangeError
from trading.own_books import OwnBooks
from trading.reconcile import BookKind, Reading, Subject
from trading.rules import ReconcileRules
from trading.types import ZERO, Market, Shares, TokenId, Usd

AT_ONCE = 4
"""Balances asked for at the same time."""


class MarketNews(Protocol):
    """Learns what has become of a market."""

    async def refresh(self, token_id: TokenId) -> Market | None:
        """Return a token's market as the venue describes it now, and keep it."""


class BalanceCheck:
    """Compares the cash and, of the tokens, those that may differ and some others by turns.

    The public record lists everything we hold in one answer, but late, and may be stale: what
    differs there is asked for one by one.
    """

    name = "balances"

    def __init__(
        self,
        ports: ReconcilePorts,
        markets: MarketNews,
        judge: Judge,
        rules: ReconcileRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._ports = ports
        self._markets = markets
        self._judge = judge
        self._rules = rules
        self._clock = clock
        self._asked_last: TokenId | None = None
        self._has_suspects = False
        self._lock = asyncio.Lock()

    @property
    def every(self) -> timedelta:
        """Return the pause until the next turn, shorter while something differs."""
        rules = self._rules
        return rules.suspects_every if self._has_suspects else rules.balances_every

    async def turn(self) -> None:
        """Compare the cash, what may differ, and the next few tokens."""
        await self._compare(is_full=False)

    async def full_turn(self) -> None:
        """Compare the cash and every token."""
        await self._compare(is_full=True)

    async def read(self, suspects: Collection[Subject] = (), *, is_full: bool) -> Sequence[Reading]:
        """Read both sides, of what is suspected in any case, and judge nothing."""
        began = self._clock()
        settled_since = began - self._rules.read_lag
        cash = await self._ports.account.fetch_cash()
        wanted = await self._choose(settled_since, suspects, is_full=is_full)
        shares = await self._fetch_shares(wanted)
        readings = await self._read_against(settled_since, cash, shares)
        if await self._refresh_markets(readings):
            return await self._read_against(settled_since, cash, shares)
        return readings

    async def _compare(self, *, is_full: bool) -> None:
        async with self._lock:
            known = await self._ports.books.load_suspicions()
            readings = await self.read(known.keys(), is_full=is_full)
            judged = await self._judge.judge(readings, known)
            self._has_suspects = any(each.finding.suspicion for each in judged)

    async def _choose(
        self, settled_since: datetime, suspects: Collection[Subject], *, is_full: bool
    ) -> Sequence[TokenId]:
        """Return what the public record has otherwise than we, what differed, and some more."""
        own = await self._ports.books.load_own_books(settled_since)
        public = await self._fetch_public(own)
        doubtful = {
            token_id
            for token_id, size in public.items()
            if not own.read_shares(token_id, size).is_explained(self._rules)
        }
        doubtful |= {TokenId(s.key) for s in suspects if s.kind is BookKind.TOKEN}
        others = sorted(own.tokens | public.keys())
        count = self._rules.tokens_max if is_full else self._rules.batch
        return sorted(doubtful.union(self._next_of(others, count)))[: self._rules.tokens_max]

    async def _fetch_public(self, own: OwnBooks) -> Mapping[TokenId, Shares]:
        """Return what the public record says of all tokens on either side, nothing while away."""
        try:
            held = await self._ports.account.fetch_holdings()
        except ExchangeError:
            return {}  # some are asked for one by one in any case
        return {token_id: held.get(token_id, Shares(ZERO)) for token_id in own.tokens | held.keys()}

    def _next_of(self, tokens: Sequence[TokenId], count: int) -> Sequence[TokenId]:
        """Return the next few tokens after those of the turn before."""
        last = self._asked_last or ""
        in_turn = [t for t in tokens if t > last] + [t for t in tokens if t <= last]
        chosen = in_turn[:count]
        self._asked_last = chosen[-1] if chosen else None
        return chosen

    async def _fetch_shares(self, tokens: Collection[TokenId]) -> Mapping[TokenId, Shares]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def fetch(token_id: TokenId) -> Shares:
            async with slots:
                tell_alive()
                return await self._ports.account.fetch_shares(token_id)

        found = await asyncio.gather(*map(fetch, tokens), return_exceptions=True)
        shares: dict[TokenId, Shares] = {}
        for token_id, answer in zip(tokens, found, strict=True):
            if isinstance(answer, ExchangeError):
                continue  # asked again at its next turn
            if isinstance(answer, BaseException):
                raise answer
            shares[token_id] = answer
        return shares

    async def _read_against(
        self, settled_since: datetime, cash: Usd, shares: Mapping[TokenId, Shares]
    ) -> Sequence[Reading]:
        """Read our side after the venue's: what it did for us was on record before."""
        own = await self._ports.books.load_own_books(settled_since)
        return [
            own.read_cash(cash),
            *(own.read_shares(token_id, size) for token_id, size in sorted(shares.items())),
        ]

    async def _refresh_markets(self, readings: Sequence[Reading]) -> bool:
        """Ask anew for the markets of what differs: it may have been resolved and paid out."""
        differing = [
            TokenId(reading.subject.key)
            for reading in readings
            if reading.subject.kind is BookKind.TOKEN and not reading.is_explained(self._rules)
        ]
        for token_id in differing:
            try:
                await self._markets.refresh(token_id)
            except ExchangeError:
                continue  # it stays as it was known
        return bool(differing)
