"""A wallet's money by our own books, and what its recent entries were."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.port import LimitCaps
from storage.statements import Statement, run_one
from trading.orders import Intent
from trading.types import Usd, Wallet

MINUTE = timedelta(minutes=1)

_ACCOUNT = Statement(
    """
    SELECT
        (SELECT coalesce(sum(cash), 0) FROM balances WHERE wallet = :wallet) AS cash,
        (SELECT coalesce(sum(deposits), 0) FROM balances WHERE wallet = :wallet) AS deposits,
        (SELECT coalesce(sum(reserved), 0) FROM reservations
         WHERE wallet = :wallet AND released_at IS NULL) AS reserved,
        (SELECT coalesce(sum(f.cost + f.fee), 0)
         FROM fills AS f JOIN orders AS o ON o.order_id = f.order_id
         WHERE f.settlement NOT IN ('CONFIRMED', 'FAILED')
         AND o.user_address = :wallet AND o.side = 'BUY' AND o.released_at IS NOT NULL) AS pending,
        (SELECT coalesce(
            sum(coalesce(settled_size * coalesce(payout, current_price), settled_cost)), 0)
         FROM positions WHERE user_address = :wallet AND settled_size > 0) AS bid_value
    """
)
_RECENT = Statement(
    """
    SELECT
        (SELECT count(*) FROM orders WHERE user_address = :wallet AND side = 'BUY' AND status IN
         ('PREPARED', 'SENDING', 'UNKNOWN', 'DELAYED', 'LIVE', 'PARTIAL')) AS open_orders,
        count(*) FILTER (WHERE created_at > :minute_ago) AS orders,
        count(*) FILTER (WHERE created_at > :minute_ago AND token_id = :token_id) AS orders_token,
        coalesce(sum(cost_max) FILTER (WHERE created_at > :minute_ago), 0) AS notional,
        count(DISTINCT coalesce(signal_id, intent_id)) FILTER (
            WHERE created_at > :repeats_since AND token_id = :token_id
            AND coalesce(signal_id, intent_id) <> :own) AS repeats
    FROM intents
    WHERE maker = :wallet AND side = 'BUY' AND created_at > :since
    """
)


@dataclass(frozen=True, slots=True)
class Account:
    """Money by our books. `reserved` and `pending` are spoken for; `deposits` is net.

    `cash` counts confirmed fills only, so `bid_value` counts settled shares only, dust too: at the
    payout once the market is resolved, else at the mark, and at cost before the first mark.
    """

    cash: Usd
    deposits: Usd
    reserved: Usd
    pending: Usd
    bid_value: Usd

    @property
    def available(self) -> Usd:
        """Return the cash that no open order can still take."""
        return Usd(self.cash - self.reserved - self.pending)

    @property
    def equity(self) -> Usd:
        """Return cash plus bid value."""
        return Usd(self.cash + self.bid_value)

    @property
    def pnl(self) -> Usd:
        """Return equity less deposits."""
        return Usd(self.equity - self.deposits)


@dataclass(frozen=True, slots=True)
class RecentEntries:
    """Entries that count against the throttles. `repeats` are other signals' of the same token."""

    open_orders: int
    orders: int
    orders_token: int
    notional: Usd
    repeats: int

    def breach(self, caps: LimitCaps, cost_max: Usd) -> dict[str, str]:
        """Return the first throttle that one more entry would pass, with its figures."""
        figures: list[tuple[str, Decimal | int, Decimal | int]] = [
            ("open_orders", self.open_orders + 1, caps.open_orders),
            ("orders_per_min", self.orders + 1, caps.orders_per_min),
            ("orders_per_min_token", self.orders_token + 1, caps.orders_per_min_token),
            ("notional_per_min", self.notional + cost_max, caps.notional_per_min),
        ]
        if caps.repeats:
            figures.append(("repeats", self.repeats + 1, caps.repeats))
        for name, wanted, cap in figures:
            if wanted > cap:
                return {"throttle": name, "wanted": str(wanted), "cap": str(cap)}
        return {}


async def load_account(connection: AsyncConnection, wallet: Wallet) -> Account:
    """Read a wallet's money."""
    row = await run_one(connection, _ACCOUNT, wallet=wallet)
    assert row is not None, "sums are always one row"
    return Account(
        cash=Usd(row["cash"]),
        deposits=Usd(row["deposits"]),
        reserved=Usd(row["reserved"]),
        pending=Usd(row["pending"]),
        bid_value=Usd(row["bid_value"]),
    )


async def load_recent(
    connection: AsyncConnection, intent: Intent, caps: LimitCaps, now: datetime
) -> RecentEntries:
    """Count the entries that one more would stand beside; exits are not counted."""
    minute_ago, repeats_since = now - MINUTE, now - caps.repeats_window
    row = await run_one(
        connection,
        _RECENT,
        wallet=intent.order.unsigned.maker,
        token_id=intent.order.unsigned.token_id,
        minute_ago=minute_ago,
        repeats_since=repeats_since,
        since=min(minute_ago, repeats_since),
        own=intent.signal_id or intent.intent_id,
    )
    assert row is not None, "counts are always one row"
    return RecentEntries(
        open_orders=row["open_orders"],
        orders=row["orders"],
        orders_token=row["orders_token"],
        notional=Usd(row["notional"]),
        repeats=row["repeats"],
    )
