"""Follows whales by the venue's real-time socket: fast, unofficial, and known to freeze."""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.lines import LineRules, run_line
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.pump import Emit, pump
from exchange.polymarket.wire import excerpt, parse, read_objects, to_micro
from exchange.polymarket.wire_data import ActivityMessage, ActivityRow
from exchange.port import (
    FeedPulse,
    FillEvent,
    Quarantined,
    StreamReset,
    UnavailableError,
    WalletSet,
    WireError,
)
from trading.types import Price, Shares, Source, Wallet, WhaleFill

RTDS_RULES = LineRules(
    ping="ping",
    ping_every=timedelta(seconds=5),
    first_data_within=timedelta(seconds=10),
    data_within=timedelta(seconds=10),
)
"""The firehose carries dozens of messages a second; ten seconds of silence mean it froze."""
SOCKETS = 2
RENEW_EVERY = timedelta(minutes=5)
"""One socket after the other is renewed although it looks alive: each every ten minutes."""
HEARD_MAX = 10_000
"""Messages about followed wallets that one socket remembers."""
PULSE_EVERY = timedelta(seconds=1)
TYPES = ("orders_matched", "trades")
"""Takers' fills, and both sides' fills; either may be switched off by the venue."""

_WALLET = re.compile(r'"proxyWallet"\s*:\s*"(0x[0-9a-fA-F]{40})"')
_MATCH = re.compile(r'"type"\s*:\s*"(?:orders_matched|trades)"')
_TOPIC = re.compile(r'"topic"\s*:\s*"activity"')


class RtdsFeed:
    """Fills of followed wallets from the whole venue's activity, filtered here.

    Two sockets tell the same; what passes is what any one of them told first.
    """

    name = "rtds"

    def __init__(
        self,
        access: VenueAccess,
        rules: LineRules = RTDS_RULES,
        renew_every: timedelta = RENEW_EVERY,
    ) -> None:
        """Use the socket of these endpoints."""
        self._access = access
        self._rules = rules
        self._renew_every = renew_every
        self._rng = Random()  # noqa: S311 - spreads reconnections, guards nothing

    def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        """Yield fills for ever; each socket's connection begins with a StreamReset."""

        async def produce(emit: Emit[FillEvent]) -> None:
            await self._follow(wallets, emit)

        return pump(produce)

    async def _follow(self, wallets: WalletSet, emit: Emit[FillEvent]) -> None:
        merger = SurplusMerger()
        talks = [
            RtdsTalk(emit, wallets, RtdsCopy(merger, number), self._access.clock)
            for number in range(SOCKETS)
        ]
        async with asyncio.TaskGroup() as group:
            for talk in talks:
                group.create_task(
                    run_line(self._access.endpoints.rtds, talk, self._rules, self._rng)
                )
            group.create_task(self._renew(talks))

    async def _renew(self, talks: Sequence["RtdsTalk"]) -> None:
        """Renew the sockets in turn, each only while the others deliver."""
        turn = 0
        while True:
            await asyncio.sleep(self._renew_every.total_seconds())
            talk = talks[turn % len(talks)]
            if all(other.is_alive for other in talks if other is not talk):
                talk.renew()
                turn += 1


class RtdsCopy:
    """One socket's share in the merging of all sockets."""

    def __init__(self, merger: SurplusMerger, number: int) -> None:
        """Share `merger` with the other sockets."""
        self._merger = merger
        self._number = number
        self._heard: OrderedDict[bytes, None] = OrderedDict()

    def is_repeated(self, message: ActivityMessage) -> bool:
        """Tell whether this very message was heard on this socket before.

        Like fills of one transaction that were sent in one millisecond look repeated, too. That
        errs to the safe side: the chain tells how many shares there were in all.
        """
        if not message.timestamp:
            return False
        payload = json.dumps(message.payload, default=str, sort_keys=True)
        key = sha256(f"{message.type} {message.timestamp} {payload}".encode()).digest()
        is_known = key in self._heard
        self._heard[key] = None
        if len(self._heard) > HEARD_MAX:
            self._heard.popitem(last=False)
        return is_known

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
        self._heard_at: datetime | None = None
        self._told_at: datetime | None = None
        self._is_due = False
        self.wake = asyncio.Event()

    @property
    def is_alive(self) -> bool:
        """Tell whether data came within the time after which a socket is given up."""
        limit = RTDS_RULES.data_within
        assert limit is not None, "expected a limit of silence"
        return self._heard_at is not None and self._clock() - self._heard_at < limit

    def renew(self) -> None:
        """Leave the socket at its next frame, to be connected anew."""
        self._is_due = True

    async def wanted(self) -> None:
        """Return at once: the firehose has no filter by wallet anyway."""

    def hello(self) -> Sequence[str]:
        """Subscribe without filters, which were seen to silence the topic."""
        self._is_due, self._heard_at = False, None
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
        if self._is_due:
            raise UnavailableError("renewed, as every socket is in its turn")
        if not text.lstrip().startswith(("{", "[")):
            return False
        is_data = self._is_of_strangers(text) or await self._read(text)
        if is_data:
            await self._tell_pulse()
        return is_data

    def _is_of_strangers(self, text: str) -> bool:
        """Tell without parsing that a frame is all about others: the firehose is nearly all so.

        Within a JSON text quotes are escaped, so nobody's name or title can look like this.
        """
        wallets = _WALLET.findall(text)
        if not wallets or len(wallets) != text.count('"payload"'):
            return False
        if not _TOPIC.search(text) or not _MATCH.search(text):
            return False
        followed = self._wallets.current()
        return all(wallet.lower() not in followed for wallet in wallets)

    async def _read(self, text: str) -> bool:
        """Read a frame; return whether it held matches. One that is wrong spoils no other."""
        try:
            items = read_objects(text)
        except WireError as error:
            await self._emit(Quarantined(self.name, str(error), excerpt(text)))
            return False
        matches = 0
        for item in items:
            try:
                matches += await self._read_item(item)
            except WireError as error:
                payload = excerpt(json.dumps(item, default=str))
                await self._emit(Quarantined(self.name, str(error), payload))
        return matches > 0

    async def _read_item(self, item: dict[str, object]) -> bool:
        message = parse(ActivityMessage, item)
        if message.topic != "activity" or message.type not in TYPES:
            return False
        await self._pass_on(message)
        return True

    async def _tell_pulse(self) -> None:
        self._heard_at = self._clock()
        if self._told_at is None or self._heard_at - self._told_at >= PULSE_EVERY:
            self._told_at = self._heard_at
            await self._emit(FeedPulse(self._heard_at))

    async def _pass_on(self, message: ActivityMessage) -> None:
        wallet = message.payload.get("proxyWallet")
        if isinstance(wallet, str) and wallet.lower() not in self._wallets.current():
            return
        if self._copy.is_repeated(message):
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
