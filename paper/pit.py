"""Makes trades out of fills: who met whom, at what price, for what fee."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paper.derive import hash_text, uuid_text
from paper.matching import notional, taker_fee
from paper.model import (
    MICROS,
    MakerFill,
    OrderRecord,
    OrderStatus,
    OrderUpdated,
    Side,
    Trade,
    TradeStatus,
)
from paper.orders import leaves
from paper.registry import Listing
from paper.settlement import Floor, Settlement
from paper.settling_faults import is_of_client, pieces_of


@dataclass(frozen=True, slots=True)
class Taker:
    """The incoming side of a trade; `owner` is empty for a made-up wallet."""

    order_id: str
    owner: str
    wallet: str
    outcome: int
    side: Side


class Pit:
    """Books trades on the settlement and keeps clients' orders up to date."""

    def __init__(self, floor: Floor, settlement: Settlement, play_id: str) -> None:
        self._floor = floor
        self._settlement = settlement
        self._play_id = play_id

    def invented_order_id(self, *key: object) -> str:
        """Name an order that nobody posted."""
        return hash_text("order", self._play_id, *key)

    @property
    def next_number(self) -> int:
        """Return the number of the next trade; trades are named by it."""
        return self._settlement.count

    def crowd_maker(self, listing: Listing, taker: Taker, price: int, size: int) -> MakerFill:
        """Make up who rested at a recorded price, given in the taker's terms."""
        return self._floor.crowd.maker(listing.market, (taker.outcome, taker.side), (price, size))

    def client_maker(self, listing: Listing, order_id: str, size: int, now: int) -> MakerFill:
        """Fill a client's resting order and return its part of the trade to be booked."""
        record = self._floor.orders.get(order_id)
        assert record is not None, order_id
        listing.book.reduce(order_id, size)
        record.matched += size
        record.trade_ids.append(self._trade_id(self.next_number))
        if not leaves(record):
            record.status = OrderStatus.MATCHED
        self.tell(record, "UPDATE", now)
        return MakerFill(
            order_id=order_id,
            owner=record.owner,
            wallet=record.order.maker,
            token_id=record.order.token_id,
            outcome=record.outcome,
            side=record.order.side,
            size=size,
            price=record.price,
        )

    def book(
        self, listing: Listing, taker: Taker, makers: Sequence[MakerFill], now: int, bucket: int = 0
    ) -> list[Trade]:
        """Book a match of a taker with makers: one trade, or several where a fault splits it."""
        trade = self._trade(listing, taker, makers, now, bucket)
        pieces = pieces_of(self._floor.faults, trade, self.next_number)
        for place, piece in enumerate(pieces):
            if place:
                self._name(piece)
            if len(pieces) > 1:  # all of one price; clients reckon each trade's fee by itself
                piece.fee = self._fee(listing, [(piece.size, piece.price)])
            self._settlement.book(piece)
        return pieces

    def tell(self, record: OrderRecord, kind: str, now: int) -> None:
        """Save an order and publish what became of it."""
        self._floor.orders.touch(record)
        copy = replace(record, trade_ids=list(record.trade_ids))
        self._floor.publish(OrderUpdated(copy, kind, now))

    def tell_book(self, listing: Listing, now: int) -> None:
        """Publish what has changed in a book."""
        changes = listing.book_changes(now)
        if changes is not None:
            self._floor.publish(changes)

    def _trade(
        self, listing: Listing, taker: Taker, makers: Sequence[MakerFill], now: int, bucket: int
    ) -> Trade:
        token_id = listing.market.token_ids[taker.outcome]
        parts = [
            (maker.size, maker.price if maker.token_id == token_id else MICROS - maker.price)
            for maker in makers
        ]
        size = sum(part for part, _ in parts)
        cost = sum(notional(*part) for part in parts)
        trade = Trade(
            trade_id=self._trade_id(self.next_number),
            taker_order_id=taker.order_id,
            owner=taker.owner,
            wallet=taker.wallet,
            condition_id=listing.market.condition_id,
            token_id=token_id,
            outcome=listing.market.outcomes[taker.outcome],
            side=taker.side,
            size=size,
            price=cost * MICROS // size,
            cost=cost,
            fee=self._fee(listing, parts),
            status=TradeStatus.MATCHED,
            matched_at=now,
            updated_at=now,
            makers=tuple(makers),
            bucket_index=bucket,
        )
        if not is_of_client(trade):
            # Clients' trades hide their transaction until it is sent.
            trade.transaction_hash = self._settlement.transaction_hash(trade)
        return trade

    def _name(self, piece: Trade) -> None:
        piece.trade_id = self._trade_id(self.next_number)
        for maker in piece.makers:
            record = self._floor.orders.get(maker.order_id)
            if record is not None:
                record.trade_ids.append(piece.trade_id)
                self._floor.orders.touch(record)

    def _fee(self, listing: Listing, parts: Sequence[tuple[int, int]]) -> int:
        by_price: dict[int, int] = {}
        for size, price in parts:
            by_price[price] = by_price.get(price, 0) + size
        market = listing.market
        return sum(
            taker_fee(size, price, market.fee_rate, market.fee_exponent)
            for price, size in by_price.items()
        )

    def _trade_id(self, number: int) -> str:
        return uuid_text("trade", self._play_id, number)
