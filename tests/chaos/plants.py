"""Bugs to be put into a worker before it starts, to see that the audit catches them."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import RowMapping, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from exchange.polymarket.client import PolymarketGateway
from storage import breakers, money, reserve, settle
from storage.book_tables import orders
from storage.orders import load_trades
from storage.postgres import PostgresStore
from trading.breakers import Standing
from trading.orders import Intent
from trading.rules import RiskRules
from trading.submits import SubmitAnswer
from trading.types import OrderHash, OrderState


def new_salt() -> None:
    """Sign another order at every repeat, as a client does whose library draws the salt.

    The answer's order id is taken for ours, which such a client never compares; nor does it count
    copies against rights to send, which would stop it.
    """
    honest = PolymarketGateway.post_order

    async def post_order(gateway: PolymarketGateway, intent: Intent) -> SubmitAnswer:
        if activity.info().attempt == 1:
            return await honest(gateway, intent)
        unsigned = replace(intent.order.unsigned, salt=secrets.randbits(53))
        forged = replace(
            intent.order, unsigned=unsigned, order_hash=gateway._form.hash_order(unsigned)
        )
        told, gateway._on_post = gateway._on_post, None
        try:
            answer = await honest(gateway, replace(intent, order=forged))
        finally:
            gateway._on_post = told
        return replace(answer, order_id=intent.order.order_hash) if answer.order_id else answer

    PolymarketGateway.post_order = post_order  # type: ignore[assignment]


def no_fencing() -> None:
    """Send whatever is asked, without a look at state, deadline, halts and lease."""

    async def begin_sending(
        store: PostgresStore, order_hash: OrderHash, epoch: int, now: datetime
    ) -> bool:
        values = {
            "status": OrderState.SENDING,
            "posts": orders.c.posts + 1,
            "first_sent_at": now,
            "sending_epoch": epoch,
            "version": orders.c.version + 1,
        }
        async with store.transaction() as connection:
            row = update(orders).where(orders.c.order_id == order_hash)
            await connection.execute(row.values(**values))
        return True

    PostgresStore.begin_sending = begin_sending  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class _Hasty:
    is_done: bool


def release_on_terminal() -> None:
    """Release a reservation as soon as the venue is through, whatever the chain still says."""

    async def hasty(connection: AsyncConnection, order: RowMapping) -> _Hasty:
        return _Hasty((await load_trades(connection, order)).state.is_terminal)

    settle.load_trades = hasty  # type: ignore[assignment,attr-defined]


def no_breakers() -> None:
    """Believe that nothing halts entries."""

    def nothing(standing: Standing, now: datetime, rules: RiskRules) -> str:
        del standing, now, rules
        return ""

    for module in (breakers, reserve, money):
        module.entries_halt = nothing  # type: ignore[attr-defined]


PLANTS: Mapping[str, Callable[[], None]] = {
    "new-salt": new_salt,
    "no-breakers": no_breakers,
    "no-fencing": no_fencing,
    "release-on-terminal": release_on_terminal,
}
"""By the name that the command line takes."""
