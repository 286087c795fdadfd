"""What each whale itself holds and closes, by its fills, taker fees included."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from trading.fees import taker_fee
from trading.types import ZERO, Market, Price, Shares, Side, TokenId, Usd, Wallet, WhaleFill
from trading.whales import ClosedTrade


@dataclass(slots=True)
class _Stake:
    size: Shares = Shares(ZERO)
    cost: Usd = Usd(ZERO)  # of all that was bought
    proceeds: Usd = Usd(ZERO)  # of all that was sold


@dataclass(frozen=True, slots=True)
class WhaleClosing:
    """A trade that a whale finished."""

    wallet: Wallet
    trade: ClosedTrade


class WhaleBooks:
    """Follows the whales' stakes. What was bought before the history began is not known."""

    def __init__(self) -> None:
        self._stakes: dict[TokenId, dict[Wallet, _Stake]] = {}

    def take(self, fill: WhaleFill, market: Market, category: str) -> WhaleClosing | None:
        """Count a fill; return the trade that ends with it. A trade is a stake from first to last.

        Shares never seen bought close nothing.
        """
        fee = ZERO if fill.is_taker is False else taker_fee(fill.size, fill.price, market.fees)
        stakes = self._stakes.setdefault(fill.token_id, {})
        if fill.side is Side.BUY:
            stake = stakes.setdefault(fill.wallet, _Stake())
            stake.size = Shares(stake.size + fill.size)
            stake.cost = Usd(stake.cost + fill.notional + fee)
            return None
        held = stakes.get(fill.wallet)
        if held is None:
            return None
        sold = Shares(min(fill.size, held.size))
        held.size = Shares(held.size - sold)
        held.proceeds = Usd(held.proceeds + (fill.notional - fee) * sold / fill.size)
        if held.size > 0:
            return None
        del stakes[fill.wallet]
        return _closing(fill.wallet, held, category, fill.traded_at)

    def resolve(
        self, market: Market, payouts: tuple[Price, ...], category: str, at: datetime
    ) -> Iterator[WhaleClosing]:
        """Close every stake in a market at its payouts."""
        for token_id, payout in zip(market.token_ids, payouts, strict=True):
            for wallet, stake in self._stakes.pop(token_id, {}).items():
                stake.proceeds = Usd(stake.proceeds + stake.size * payout)
                yield _closing(wallet, stake, category, at)


def _closing(wallet: Wallet, stake: _Stake, category: str, at: datetime) -> WhaleClosing:
    pnl = Usd(stake.proceeds - stake.cost)
    return WhaleClosing(wallet, ClosedTrade(at, stake.cost, pnl, category))
