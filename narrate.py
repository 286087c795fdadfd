"""Tells a person at the terminal what happens: what starts, each copied trade, how it stands."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TextIO

import aiohttp

from report import Report, play_of
from settings import TradingMode
from storage.audit import TradeLine, count_left, count_signals, list_finished
from storage.port import FactStore, StorageUnavailableError
from storage.postgres import PostgresStore
from trading.types import SignalId, SignalState, Usd

POLL_S = 0.5
LATE_BY = timedelta(seconds=5)  # an end that was written first may be seen last
SUMMARY_EVERY = timedelta(seconds=15)
QUIET_AFTER_DONE = timedelta(seconds=3)
LINES_MAX = 1000
_FILLED = (SignalState.FILLED, SignalState.PARTIAL)


class Narrator:
    """Writes plain lines; one that stands for a trade begins with its time."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def say(self, text: str) -> None:
        """Write one line now, without what could move the cursor: strangers wrote parts of it."""
        self._out.write("".join(c for c in text if c.isprintable()) + "\n")
        self._out.flush()

    def say_addresses(self, dashboard: str, temporal_ui: str | None, mode: TradingMode) -> None:
        """Tell where to look."""
        self.say("")
        self.say(f"  dashboard    {dashboard}")
        self.say(f"  Temporal UI  {temporal_ui or 'of your own server'}")
        self.say(f"  mode         {mode} (Ctrl-C stops everything)")
        if mode is TradingMode.REPLAY:
            self.say("  books are recorded (CC BY 4.0); whales and their trades are invented")
        self.say("")

    def say_trade(self, line: TradeLine, what: str) -> None:
        """Tell how one signal ended."""
        at = line.finished_at.astimezone().strftime("%H:%M:%S")
        whale = f"{line.wallet[:6]}…{line.wallet[-4:]}"
        wish = f"{line.side:4} ${line.notional:>8,.0f} {what} by {whale}"
        self.say(f"{at}  {_outcome(line):44}  {wish}")

    def say_report(self, report: Report) -> None:
        """Tell the final report."""
        self.say("")
        for name, text in report.as_lines():
            self.say(f"  {name:24} {text}")
        self.say("")
        self.say("the books balance" if report.balances else "THE BOOKS DO NOT BALANCE")


def _outcome(line: TradeLine) -> str:
    if line.state in _FILLED and line.filled > 0:
        price = line.cost / line.filled
        return f"{line.state}: {line.filled:f} shares @ {price:.4f} = ${line.cost:.2f}"
    if line.reason is not None:
        return f"{line.state}: {line.reason}"
    return str(line.state)


class Progress:
    """Reads what has happened since it last looked."""

    def __init__(self, store: PostgresStore, venue_url: str, narrator: Narrator) -> None:
        self._store = store
        self._venue_url = venue_url
        self._narrator = narrator
        self._started_at = datetime.now(UTC)
        self._look_from = self._started_at
        self._told: dict[SignalId, datetime] = {}
        self._summed_at = self._started_at
        self._rest_since: datetime | None = None

    async def follow(self, *, until_done: bool) -> None:
        """Tell every ended signal and a running summary; return when all has come to rest."""
        while True:
            try:
                await self._tell()
                if until_done and await self._is_done():
                    return
            except (StorageUnavailableError, aiohttp.ClientError, TimeoutError) as error:
                self._narrator.say(f"… waiting: {error}")
            await asyncio.sleep(POLL_S)

    async def _tell(self) -> None:
        lines = await list_finished(self._store, self._look_from, LINES_MAX)
        for line in lines:
            if line.signal_id not in self._told:
                self._narrator.say_trade(line, await _token_name(self._store, line))
            self._told[line.signal_id] = line.finished_at
        if lines:
            newest = lines[-1].finished_at
            back = timedelta() if len(lines) == LINES_MAX else LATE_BY
            self._look_from = max(self._look_from, newest - back)
            self._told = {s: at for s, at in self._told.items() if at > self._look_from}
        now = datetime.now(UTC)
        if now >= self._summed_at + SUMMARY_EVERY:
            self._summed_at = now
            await self._summarise()

    async def _summarise(self) -> None:
        counts = await count_signals(self._store, self._started_at)
        positions, reservations = await count_left(self._store)
        copied = sum(counts.by_state.get(state, 0) for state in _FILLED)
        running = counts.total - counts.terminal
        wallet = await _wallet_text(self._store)
        self._narrator.say(
            f"   —— {counts.total} signals: {copied} copied, {running} running; "
            f"{positions} positions, {reservations} reservations; {wallet}"
        )

    async def _is_done(self) -> bool:
        """Tell whether the tape is over and nothing has been under way for three seconds."""
        play = await play_of(self._venue_url)
        counts = await count_signals(self._store, self._started_at)
        positions, reservations = await count_left(self._store)
        at_rest = play.is_done and counts.total == counts.terminal and positions + reservations == 0
        now = datetime.now(UTC)
        if not at_rest:
            self._rest_since = None
            return False
        self._rest_since = self._rest_since or now
        return now >= self._rest_since + QUIET_AFTER_DONE


async def _token_name(facts: FactStore, line: TradeLine) -> str:
    market = await facts.load_market(line.token_id)
    if market is None:
        return f"token {line.token_id[:8]}…"
    return f"{market.outcome_of(line.token_id)} '{market.question}'"


async def _wallet_text(store: PostgresStore) -> str:
    if store.wallet is None:
        return ""
    portfolio = await store.load_portfolio(datetime.now(UTC))
    total = Usd(Decimal(portfolio.cash + portfolio.bid_value))
    return f"cash ${portfolio.cash:,.2f}, worth ${total:,.2f}"
