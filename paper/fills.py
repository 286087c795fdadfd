"""Tells matches the public way: one fill per maker, seen from the taker's and the maker's side."""

from collections.abc import Iterator
from dataclasses import dataclass

from paper.model import MICROS, MakerFill, Side, Trade


@dataclass(frozen=True, slots=True)
class PublicFill:
    """One wallet's part in one fill, in the terms of the token it traded."""

    trade: Trade
    wallet: str
    token_id: str
    outcome: str
    side: Side
    size: int
    price: int
    is_taker: bool
    has_invented_wallet: bool

    @property
    def cost(self) -> int:
        """PUSD paid or received without the fee, in micros, rounded down."""
        return self.size * self.price // MICROS

    @property
    def fee(self) -> int:
        """This fill's part of the trade's fee, in micros, rounded down; makers pay none."""
        return self.trade.fee * self.size // self.trade.size if self.is_taker else 0

    @property
    def at(self) -> int:
        """When it was matched, Unix milliseconds."""
        return self.trade.matched_at


def public_fills(trade: Trade) -> Iterator[PublicFill]:
    """Yield the taker's and the maker's view of every fill of a trade, in matching order.

    A maker on the other outcome trades at the complement: its BUY at p fills a BUY at 1 - p.
    A trade of which no maker is told is one fill with a taker alone.
    """
    if not trade.makers:
        yield _taker_side(trade, trade.size, trade.price)
    for maker in trade.makers:
        is_same_token = maker.token_id == trade.token_id
        yield _taker_side(trade, maker.size, maker.price if is_same_token else MICROS - maker.price)
        yield _maker_side(trade, maker)


def _taker_side(trade: Trade, size: int, price: int) -> PublicFill:
    return PublicFill(
        trade=trade,
        wallet=trade.wallet,
        token_id=trade.token_id,
        outcome=trade.outcome,
        side=trade.side,
        size=size,
        price=price,
        is_taker=True,
        has_invented_wallet=not trade.owner,
    )


def _maker_side(trade: Trade, maker: MakerFill) -> PublicFill:
    return PublicFill(
        trade=trade,
        wallet=maker.wallet,
        token_id=maker.token_id,
        outcome=maker.outcome,
        side=maker.side,
        size=maker.size,
        price=maker.price,
        is_taker=False,
        has_invented_wallet=not maker.owner,
    )
