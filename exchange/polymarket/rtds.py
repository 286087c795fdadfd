"""Follows whales by the venue's real-time socket: fast, unofficial, and known to freeze."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.lines import LineRules, run_line
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.pump import Emit, pump
from exchange.polymarket.wire import excerpt, parse, read_objects, to_micro
from exchange.polymarket.wire_data import ActivityMessage, ActivityRow
from exchange.port import FillEvent, Quarantined, StreamReset, WalletSet, WireError
from trading.types import Price, Shares, Source, Wallet, WhaleFill

RTDS_RULES = LineRules(
    ping="ping",
    ping_every=timedelta(seconds=5),
    first_data_within=timedelta(seconds=10),
    data_within=timedelta(seconds=10),
)
"""The firehose carries dozens of messages a second; ten seconds of silence mean it froze."""
SOCKET_AGES = (timedelta(minutes=10), timedelta(minutes=7))
"""Sockets are renewed although they look alive, and never both at a time."""
TYPES = ("orders_matched", "trades")
"""Takers' fills, and both sides' fills; either may be switched off by the venue."""


class RtdsFeed:
    """Fills of followed wallets from the whole venue's activity, filtered here.

    Two sockets tell the same; what passes is what any one of them told first.
    """

    name = "rtds"

    def __init__(self, access: VenueAccess, rules: LineRules = RTDS_RULES) -> None:
        """Use the socket of these endpoints."""
        self._access = access
        self._rules = rules
        self._rng = Random()  # noqa: S311 - spreads reconnections, guards nothing

    def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        """Yield fills for ever; each socket's connection begins with a StreamReset."""

        async def produce(emit: Emit[FillEvent]) -> None:
            await self._follow(wallets, emit)

        return pump(produce)

    async def _follow(self, wallets: WalletSet, emit: Emit[FillEvent]) -> None:
        merger = SurplusMerger()
        async with asyncio.TaskGroup() as group:
            for number, age_max in enumerate(SOCKET_AGES):
                talk = RtdsTalk(emit, wallets, RtdsCopy(merger, number), self._access.clock)
                rules = replace(self._rules, age_max=age_max)
                group.create_task(run_line(self._access.endpoints.rtds, talk, rules, self._rng))


class RtdsCopy:
    """One socket's share in the merging of all sockets."""

    def __init__(self, merger: SurplusMerger, number: int) -> None:
        """Share `merger` with the other sockets."""
        self._merger = merger
        self._number = number

    def new_part(self, fill: WhaleFill, kind: str) -> WhaleFill | None:
        """Return what no socket and no kind of message told before."""
        return self._merger.new_part(fill, (self._number, kind))


class RtdsTalk:
    """What is said and heard on one of the sockets."""

    name = "rtds"

    def __init__(
        self,
        emit: Emit[FillEvent],
        wallets: WalletSet,
        copy: RtdsCopy,
        clock: Callable[[], datetime],
    ) -> None:
        """Pass the followed wallets' fills to `emit`."""
        self._emit = emit
        self._wallets = wallets
        self._copy = copy
        self._clock = clock
        self.wake = asyncio.Event()

    async def wanted(self) -> None:
        """Return at once: the firehose has no filter by wallet anyway."""

    def hello(self) -> Sequence[str]:
        """Subscribe without filters, which were seen to silence the topic."""
        topics = [{"topic": "activity", "type": kind, "filters": ""} for kind in TYPES]
        return [json.dumps({"action": "subscribe", "subscriptions": topics})]

    def more(self) -> Sequence[str]:
        """Return nothing."""
        return ()

    async def greeted(self) -> None:
        """Tell that fills were missed."""
        await self._emit(StreamReset(self._clock()))

    async def hear(self, text: str) -> bool:
        """Emit followed wallets' fills; quarantine what concerns them and cannot be read."""
        if not text.lstrip().startswith(("{", "[")):
            return False
        try:
            messages = [parse(ActivityMessage, item) for item in read_objects(text)]
            matches = [m for m in messages if m.topic == "activity" and m.type in TYPES]
            for message in matches:
                await self._pass_on(message)
        except WireError as error:
            await self._emit(Quarantined(self.name, str(error), excerpt(text)))
            return False
        return bool(matches)

    async def _pass_on(self, message: ActivityMessage) -> None:
        wallet = message.payload.get("proxyWallet")
        if isinstance(wallet, str) and wallet.lower() not in self._wallets.current():
            return
        row = parse(ActivityRow, message.payload)
        fill = self._copy.new_part(fill_of(row, Source.RTDS, self._clock()), message.type)
        if fill is not None:
            await self._emit(fill)


def fill_of(row: ActivityRow, source: Source, seen_at: datetime) -> WhaleFill:
    """Return a row that names its wallet as a fill, in six decimals; it must have its hash."""
    if not row.transaction_hash:
        raise WireError(f"expected a transaction hash in the fill of {row.wallet}")
    size = Shares(to_micro(row.size))
    if not size:
        raise WireError(f"expected a size of a micro-share at least, received {row.size}")
    return WhaleFill(
        wallet=Wallet(row.wallet),
        token_id=row.token_id,
        side=row.side,
        size=size,
        price=Price(to_micro(row.price)),
        transaction_hash=row.transaction_hash.lower(),
        traded_at=row.timestamp,
        source=source,
        seen_at=seen_at,
    )
