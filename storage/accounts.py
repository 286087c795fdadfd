"""A wallet's money by our own books."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import Statement, run_one
from trading.portfolio import equity_of
from trading.types import Usd, Wallet

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
        return equity_of(self.cash, self.bid_value)

    @property
    def pnl(self) -> Usd:
        """Return equity less deposits."""
        return Usd(self.equity - self.deposits)


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
