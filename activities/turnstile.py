"""Counts copies of orders out against rights to send in, whoever sends them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from storage.port import StorageError
from trading.orders import Intent
from trading.pretrade import Breach, check_outflow
from trading.types import OrderHash

RIGHTS_MAX = 10_000
"""Rights that may wait; the oldest are forgotten, and what they were for cannot leave."""
RETRY_S = 0.5

log = structlog.get_logger()


class OutflowError(Exception):
    """An order was about to leave without a right to send; not a byte of it has left."""


class Turnstile:
    """Lets as many copies of an order leave this process as the records gave rights for.

    The records give a right for each copy, in the transaction that looks at lease, time and
    halts. Here every copy uses one up, at the last moment before its first byte, whoever sends
    it. More out than in is a fault of ours: nothing at all leaves any more, and entries halt.
    """

    def __init__(self) -> None:
        self._rights: dict[OrderHash, int] = {}
        self._rights_in = 0
        self._orders_out = 0
        self._breach: Breach | None = None
        self._broken = asyncio.Event()

    @property
    def breach(self) -> Breach | None:
        """Return what was tried without a right, None while all is well."""
        return self._breach

    def admit(self, order_hash: OrderHash) -> None:
        """Take in a right to send one copy."""
        self._rights[order_hash] = self._rights.get(order_hash, 0) + 1
        self._rights_in += 1
        while len(self._rights) > RIGHTS_MAX:
            del self._rights[next(iter(self._rights))]

    def withdraw(self, order_hash: OrderHash) -> None:
        """Take a right back: its copy stays here after all."""
        if self._rights.get(order_hash):
            self._rights[order_hash] -= 1
            self._rights_in -= 1

    def let_out(self, intent: Intent) -> None:
        """Use up a right.

        Raises:
            OutflowError: there is none; the copy must not leave.
        """
        order_hash = intent.order.order_hash
        rights = self._rights.get(order_hash, 0)
        breach = check_outflow(1, rights) or self._breach
        if breach is not None:
            if self._breach is None:
                wanted, cap = str(self._orders_out + 1), str(self._rights_in)
                self._breach = Breach(breach.control, f"{wanted} ({order_hash})", cap)
                self._broken.set()
            raise OutflowError(f"expected a right to send order {order_hash}, found none")
        if rights > 1:
            self._rights[order_hash] = rights - 1
        else:
            del self._rights[order_hash]
        self._orders_out += 1

    async def keep(
        self, halt: Callable[[str, datetime], Awaitable[None]], clock: Callable[[], datetime]
    ) -> None:
        """Halt entries once something was tried without a right; until then, wait."""
        await self._broken.wait()
        assert self._breach is not None, "it is broken"
        while True:
            try:
                await halt(self._breach.describe(), clock())
                break
            except StorageError as error:
                log.warning("outflow_not_halted", error=str(error))
                await asyncio.sleep(RETRY_S)
        log.error("orders_out_of_hand", breach=self._breach.describe())
