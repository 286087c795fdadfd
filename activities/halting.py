"""Makes the kill switch work: asked before every entry is sent, and clears the book of entries."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from activities.asking import ExitAsker
from exchange.port import ExchangeError, OrderGateway
from storage.guard_port import HaltSign, Kill, KillSource, KillStore
from storage.port import Bell, PositionStore, StorageError
from trading.types import (
    ExitReason,
    ExitRequest,
    OrderHash,
    PositionId,
    PositionState,
    Side,
)

LOOK_EVERY = timedelta(milliseconds=250)
CANCEL_EVERY = timedelta(milliseconds=500)
ASK_AGAIN = timedelta(seconds=30)
FRESH_NS = 300_000_000
CHANNEL = "halts"

log = structlog.get_logger()


class Brake:
    """Knows whether entries may leave this process now; it never says so on old knowledge.

    The records are asked every quarter of a second by the keeper, and whenever an entry is about
    to leave and that was longer ago. When they cannot be asked, nothing leaves. The file is looked
    for every time.
    """

    def __init__(self, kills: KillStore, sign: HaltSign) -> None:
        self._kills = kills
        self._sign = sign
        self._held: Sequence[Kill] = ()
        self._seen_at_ns: int | None = None
        self._looking = asyncio.Lock()

    async def holds(self, side: Side) -> bool:
        """Tell whether an order of this side must stay; an exit never must."""
        if side is Side.SELL:
            return False
        if self._sign.read() is not None:
            return True
        if not self._is_fresh():
            await self._look_once()
        return bool(self._held) or not self._is_fresh() or self._sign.read() is not None

    async def look(self) -> Sequence[Kill]:
        """Ask the records who holds the switch.

        Raises:
            StorageError: they cannot be asked; until they can, nothing leaves.
        """
        asked_at_ns = time.monotonic_ns()
        self._held = await self._kills.list_kills()
        self._seen_at_ns = asked_at_ns
        return self._held

    async def _look_once(self) -> None:
        """Ask for all who want to know at once."""
        async with self._looking:
            if not self._is_fresh():
                try:
                    await self.look()
                except StorageError as error:
                    log.warning("kill_switch_unknown", error=str(error))

    def _is_fresh(self) -> bool:
        seen_at_ns = self._seen_at_ns
        return seen_at_ns is not None and time.monotonic_ns() - seen_at_ns < FRESH_NS


@dataclass(frozen=True, slots=True)
class HaltPorts:
    """What the keeper looks at and acts on."""

    kills: KillStore
    positions: PositionStore
    gateway: OrderGateway
    bell: Bell
    sign: HaltSign
    exits: ExitAsker


class HaltKeeper:
    """Watches every source of the kill switch, whatever else is away.

    While one holds, entries that rest at the venue are cancelled, again and again until none is
    left; where a source wants it, every position's owner is asked to leave.
    """

    def __init__(self, ports: HaltPorts, brake: Brake, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._brake = brake
        self._clock = clock
        self._asked_at: dict[PositionId, datetime] = {}

    async def run(self) -> None:
        """Look until cancelled; what fails is tried again at once."""
        while True:
            try:
                is_held = await self.look_once()
            except (ExchangeError, StorageError) as error:
                log.warning("halt_not_kept", error=str(error))
                is_held = True
            await self._ports.bell.wait(CHANNEL, "", CANCEL_EVERY if is_held else LOOK_EVERY)

    async def look_once(self) -> bool:
        """Make one pass; return whether the switch is held."""
        note = self._ports.sign.read()
        try:
            await self._mirror_sign()
            held = await self._brake.look()
        except StorageError:
            if note is not None:
                await self._cancel(await self._ports.gateway.fetch_open_orders())
            raise
        if held or note is not None:
            await self._cancel(await self._ports.kills.list_open_entries())
        closing = [kill for kill in held if kill.closes_all]
        if closing:
            await self._close_all(closing[0])
        return bool(held) or note is not None

    async def _mirror_sign(self) -> None:
        """Tell the records of the file, so that processes that do not see it hear of it."""
        sign, now = self._ports.sign, self._clock()
        note, place = sign.read(), sign.place
        mine = [k for k in await self._ports.kills.list_kills() if k.place == place]
        if note is not None and (not mine or (note.closes_all and not mine[0].closes_all)):
            kill = Kill(KillSource.FILE, "a file", note.why, now, note.closes_all, place)
            await self._ports.kills.pull_switch(kill)
        if note is None and mine:
            gone = Kill(KillSource.FILE, "a file", "it was taken away", now, place=place)
            await self._ports.kills.release_switch(gone)

    async def _cancel(self, order_hashes: Sequence[OrderHash]) -> None:
        """Ask for cancellation; whether an order died is told by those who wait for it."""
        if not order_hashes:
            return
        report = await self._ports.gateway.cancel_orders(order_hashes)
        log.info("entries_cancelled", asked=len(order_hashes), cancelled=len(report.cancelled))

    async def _close_all(self, kill: Kill) -> None:
        """Ask every owner, and again after a while those that have not begun."""
        now = self._clock()
        request = ExitRequest(ExitReason.OPERATOR, who=kill.who, why=f"close all: {kill.why}")
        for position in await self._ports.positions.list_open():
            asked_at = self._asked_at.get(position.position_id)
            is_waited_for = asked_at is not None and now < asked_at + ASK_AGAIN
            if position.state is not PositionState.OPEN or is_waited_for:
                continue
            if await self._ports.exits.ask_exit(position.position_id, request):
                self._asked_at[position.position_id] = now
