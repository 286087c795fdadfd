"""The desk where clients' orders come in: checked, matched, rested, cancelled and expired."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paper import rules
from paper.books import Resting, opposite
from paper.derive import account_name
from paper.fault_actions import check_allowance
from paper.fault_match import missed, what_is_left
from paper.ledger import CASH
from paper.matching import Offer, by_price, is_filled, match, notional, taker_fee, total_size
from paper.model import (
    MICROS,
    MakerFill,
    OrderRecord,
    OrderRefusedError,
    OrderStatus,
    OrderType,
    Side,
    SignedOrder,
    Trade,
)
from paper.orders import leaves, still_needed
from paper.pit import Pit, Taker
from paper.registry import Listing
from paper.settlement import Floor

ALREADY_DONE = "already canceled or matched"
STILL_DELAYED = "order is delayed and cannot be canceled yet"
UNKNOWN = "order not found"


@dataclass(frozen=True, slots=True)
class Post:
    """An order as it came in."""

    order: SignedOrder
    order_type: OrderType
    owner: str
    post_only: bool
    at: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a post at once."""

    record: OrderRecord
    trades: tuple[Trade, ...]


class Desk:
    """Takes clients' orders to the books."""

    def __init__(self, floor: Floor, pit: Pit) -> None:
        self._floor = floor
        self._pit = pit

    def submit(self, post: Post) -> Outcome:
        """Book an order and match it.

        An order that is refused for what it says is forgotten. An order is remembered for ever
        once it is booked, also if it is killed at once because it finds no match.

        Raises:
            OrderRefusedError: With the venue's status and words.
        """
        listing, record, offered = self._book(post, OrderStatus.LIVE)
        fills = what_is_left(self._floor, listing, record, offered)
        trades = self._match(listing, record, fills, post.at)
        if record.status is OrderStatus.CANCELED:
            raise rules.killed(post.order_type)
        return Outcome(record, tuple(trades))

    def hold(self, post: Post, status: OrderStatus) -> OrderRecord:
        """Book an order like `submit`, but keep it away from the books until it is worked."""
        return self._book(post, status)[1]

    def work(self, record: OrderRecord, now: int, *, is_late: bool = False) -> None:
        """Match an order that was held, and rest what is left of it if it may rest.

        It is cancelled if meanwhile the market has closed or its maker has become too poor.
        `is_late` lets it miss whatever the book offers.
        """
        listing = self._floor.registry.get(record.condition_id)
        assert listing is not None, record.condition_id
        if listing.market.closed:
            self._end(record, OrderStatus.CANCELED_MARKET_RESOLVED, now)
            return
        record.status = OrderStatus.LIVE
        try:
            offered = self._offered(listing, record)
        except OrderRefusedError:
            self._end(record, OrderStatus.CANCELED, now)
            return
        find = missed if is_late else what_is_left
        fills = find(self._floor, listing, record, offered)
        self._match(listing, record, fills, now)
        if record.status is OrderStatus.LIVE and not fills:
            self._pit.tell(record, "UPDATE", now)

    def cancel(
        self, order_ids: Sequence[str], owner: str, now: int
    ) -> tuple[list[str], dict[str, str]]:
        """Cancel an API key's resting orders; return those cancelled and why others were not."""
        cancelled, refused = self.cancellable(order_ids, owner)
        for record in cancelled:
            self._take_down(record, OrderStatus.CANCELED, now)
        return [record.order.order_id for record in cancelled], refused

    def cancellable(
        self, order_ids: Sequence[str], owner: str
    ) -> tuple[list[OrderRecord], dict[str, str]]:
        """Return the orders that an API key can cancel, and why it cannot cancel the others."""
        found: list[OrderRecord] = []
        refused: dict[str, str] = {}
        for order_id in dict.fromkeys(order_ids):
            record = self._floor.orders.get(order_id)
            if record is None or record.owner != owner:
                refused[order_id] = UNKNOWN
            elif record.status is OrderStatus.LIVE:
                found.append(record)
            else:
                is_delayed = record.status is OrderStatus.DELAYED
                refused[order_id] = STILL_DELAYED if is_delayed else ALREADY_DONE
        return found, refused

    def expire(self, now: int) -> None:
        """Take down good-till-date orders, a minute before the expiration they carry."""
        for record in self._floor.orders.open_orders():
            expires_at = (record.order.expiration - rules.EXPIRES_EARLY_S) * 1000
            if record.order_type is OrderType.GTD and now >= expires_at:
                self._take_down(record, OrderStatus.CANCELED_EXPIRED_ORDER, now)

    def clear(self, listing: Listing, now: int) -> None:
        """Cancel every resting order of a market that was resolved."""
        for resting in listing.book.all_resting():
            record = self._floor.orders.get(resting.order_id)
            assert record is not None, resting.order_id
            self._take_down(record, OrderStatus.CANCELED_MARKET_RESOLVED, now)

    def restore(self, is_held: Callable[[str], bool]) -> None:
        """Put saved open orders back into their books, at the end of the queue at their price.

        Those that are held stay away.
        """
        for record in self._floor.orders.open_orders():
            listing = self._floor.registry.get(record.condition_id)
            if listing is not None and not is_held(record.order.order_id):
                self._place(listing, record)

    def refuse_known(self, order_id: str) -> None:
        """Refuse an order id that was booked before, and count the attempt."""
        known = self._floor.orders.get(order_id)
        if known is not None:
            known.posts += 1
            self._floor.orders.touch(known)
            raise rules.duplicated(order_id)

    def _book(self, post: Post, status: OrderStatus) -> tuple[Listing, OrderRecord, list[Offer]]:
        self.refuse_known(post.order.order_id)
        listing, record = self._admit(post)
        offered = self._offered(listing, record)
        record.status = status
        self._floor.orders.add(record)
        self._pit.tell(record, "PLACEMENT", post.at)
        return listing, record, offered

    def _admit(self, post: Post) -> tuple[Listing, OrderRecord]:
        order = post.order
        listing = self._floor.registry.of_token(order.token_id)
        if listing is None:
            raise OrderRefusedError(400, f"the orderbook {order.token_id} does not exist")
        rules.check_market(listing.market, order.token_id)
        rules.check_terms(order, post.order_type, post.at, post_only=post.post_only)
        price = rules.limit_price(order, listing.market)
        rules.check_size(order, post.order_type, listing.market)
        record = OrderRecord(
            order=order,
            condition_id=listing.market.condition_id,
            outcome=listing.market.outcomes[listing.outcome_of(order.token_id)],
            price=price,
            owner=post.owner,
            order_type=post.order_type,
            post_only=post.post_only,
            status=OrderStatus.LIVE,
            received_at=post.at,
        )
        return listing, record

    def _terms(self, listing: Listing, record: OrderRecord) -> tuple[Side, int]:
        outcome = listing.outcome_of(record.order.token_id)
        return listing.in_book_terms(outcome, record.order.side, record.price)

    def _offered(self, listing: Listing, record: OrderRecord) -> list[Offer]:
        """Return what the book offers to an order, unless it may not or cannot take it."""
        fills = match(listing.book.offers(*self._terms(listing, record)), record.order.size)
        if fills and record.post_only:
            raise rules.crosses_book()
        if fills or rules.is_immediate(record.order_type):
            rules.check_marketable(record.order)
        self._check_funds(listing, record, fills)
        return fills

    def _check_funds(self, listing: Listing, record: OrderRecord, fills: list[Offer]) -> None:
        order = record.order
        wallet = account_name(order.maker)
        if order.side is Side.SELL:
            asset, required = order.token_id, order.size
        else:
            asset, required = CASH, self._cash_needed(listing, record, fills)
        reserved = self._floor.orders.reserved(wallet, asset)
        if self._floor.orders.get(order.order_id) is record:
            reserved -= still_needed(record)
        check_allowance(self._floor.faults, wallet)
        rules.check_balance(self._floor.ledger.balance(wallet, asset), reserved, required)

    def _cash_needed(self, listing: Listing, record: OrderRecord, fills: list[Offer]) -> int:
        # The venue asks for the amount at the limit price and the fee on top of it; several
        # better prices can cost a few micros more in rounded fees, so that both sums are made.
        market, order = listing.market, record.order
        rate, exponent = market.fee_rate, market.fee_exponent
        if not fills:
            return order.notional
        outcome = listing.outcome_of(order.token_id)
        rest = order.size - total_size(fills)
        spent = -(-rest * record.price // MICROS)
        for run in by_price(fills):
            price = MICROS - run[0].price if outcome else run[0].price
            size = total_size(run)
            spent += notional(size, price) + taker_fee(size, price, rate, exponent)
        fee_at_limit = taker_fee(order.size, record.price, rate, exponent)
        return max(spent, order.notional + fee_at_limit)

    def _match(
        self, listing: Listing, record: OrderRecord, fills: list[Offer], now: int
    ) -> list[Trade]:
        if _is_killed(record, fills):
            self._end(record, OrderStatus.CANCELED, now)
            return []
        trades = self._execute(listing, record, fills, now)
        if record.status is OrderStatus.LIVE:
            self._place(listing, record)
        self._pit.tell_book(listing, now)
        return trades

    def _execute(
        self, listing: Listing, record: OrderRecord, fills: list[Offer], now: int
    ) -> list[Trade]:
        """Book one trade for each price, so that every trade's price times size is its cost."""
        order = record.order
        outcome = listing.outcome_of(order.token_id)
        taker = Taker(order.order_id, record.owner, order.maker, outcome, order.side)
        side, _ = self._terms(listing, record)
        trades: list[Trade] = []
        for bucket, run in enumerate(by_price(fills)):
            makers = [self._meet(listing, taker, side, fill, now) for fill in run]
            for trade in self._pit.book(listing, taker, makers, now, bucket):
                record.matched += trade.size
                record.trade_ids.append(trade.trade_id)
                trades.append(trade)
        if fills and (rules.is_immediate(record.order_type) or is_filled(order.size, fills)):
            record.status = OrderStatus.MATCHED
        if fills:
            self._pit.tell(record, "UPDATE", now)
        return trades

    def _meet(self, listing: Listing, taker: Taker, side: Side, fill: Offer, now: int) -> MakerFill:
        if fill.order_id:
            return self._pit.client_maker(listing, fill.order_id, fill.size, now)
        listing.book.take(opposite(side), fill.price, fill.size)
        price = MICROS - fill.price if taker.outcome else fill.price
        return self._pit.crowd_maker(listing, taker, price, fill.size)

    def _place(self, listing: Listing, record: OrderRecord) -> None:
        side, price = self._terms(listing, record)
        listing.book.place(Resting(record.order.order_id, side, price, leaves(record)))

    def _take_down(self, record: OrderRecord, status: OrderStatus, now: int) -> None:
        listing = self._floor.registry.get(record.condition_id)
        assert listing is not None, record.condition_id
        if listing.book.resting(record.order.order_id) is not None:
            listing.book.remove(record.order.order_id)
        self._end(record, status, now)
        self._pit.tell_book(listing, now)

    def _end(self, record: OrderRecord, status: OrderStatus, now: int) -> None:
        record.status = status
        self._pit.tell(record, "CANCELLATION", now)


def _is_killed(record: OrderRecord, fills: list[Offer]) -> bool:
    if record.order_type is OrderType.FOK:
        return not is_filled(record.order.size, fills)
    return record.order_type is OrderType.FAK and not fills
