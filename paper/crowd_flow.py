"""What the tape's wallets do to the books: whale orders, and levels that reach resting orders."""

from paper.books import opposite
from paper.matching import Offer, match, size_step
from paper.model import Level, MakerFill, Side, Trade
from paper.pit import Pit, Taker
from paper.registry import Listing
from paper.settlement import Floor
from paper.tape import WhaleOrder


class CrowdFlow:
    """Turns recorded activity into trades, with clients' resting orders served in their turn."""

    def __init__(self, floor: Floor, pit: Pit) -> None:
        self._floor = floor
        self._pit = pit

    def serve_crossed(self, listing: Listing, now: int) -> None:
        """Fill resting orders which the recorded book has crossed, at their own limit price.

        A recorded level of the other side can only stand at an order's price after everything
        recorded ahead of the order there has gone, so that the queue is past by then. What fills
        an order is taken from the level that crossed it.
        """
        for order in listing.book.crossed():
            offers = listing.book.recorded_offers(order)
            step = size_step(order.price)
            for offer in offers:
                size = min(offer.size, order.leaves)
                size -= size % step
                if not size:
                    continue
                listing.book.take(opposite(order.side), offer.price, size)
                self.hit(listing, order.order_id, size, now)
                if not order.leaves:
                    break

    def whale(self, order: WhaleOrder, listing: Listing, now: int) -> list[Trade]:
        """Book a whale's order as the tape tells it.

        The recorded book is not touched: the next snapshot already lacks what the whale took.
        Clients' orders with a better price, or at its price with nothing ahead of them any more,
        come before the recorded ones.
        """
        order_id = self._pit.invented_order_id("whale", order.number)
        whale = Taker(order_id, "", order.wallet, order.outcome_index, order.side)
        fills = [_whole(fill) for fill in order.fills]
        fills = [fill for fill in fills if fill.size]
        if order.is_maker:
            return [trade for fill in fills for trade in self._lift(listing, whale, fill, now)]
        makers = [maker for fill in fills for maker in self._sweep(listing, whale, fill, now)]
        trades = self._pit.book(listing, whale, makers, now) if makers else []
        self._pit.tell_book(listing, now)
        return trades

    def hit(self, listing: Listing, order_id: str, size: int, now: int) -> None:
        """Let somebody of the crowd trade with a client's resting order, at its limit price."""
        number = self._pit.next_number
        maker = self._pit.client_maker(listing, order_id, size, now)
        taker = Taker(
            order_id=self._pit.invented_order_id("crossing", number),
            owner="",
            wallet=self._floor.crowd.wallet("crossing", number),
            outcome=listing.outcome_of(maker.token_id),
            side=opposite(maker.side),
        )
        self._pit.book(listing, taker, [maker], now)

    def _lift(self, listing: Listing, whale: Taker, fill: Level, now: int) -> list[Trade]:
        # The whale's order rested; somebody of the crowd came and took it.
        side, price = listing.in_book_terms(whale.outcome, whale.side, fill.price)
        listing.book.pass_queue(side, price, fill.size)
        number = self._pit.next_number
        maker = MakerFill(
            order_id=whale.order_id,
            owner="",
            wallet=whale.wallet,
            token_id=listing.market.token_ids[whale.outcome],
            outcome=listing.market.outcomes[whale.outcome],
            side=whale.side,
            size=fill.size,
            price=fill.price,
        )
        taker = Taker(
            order_id=self._pit.invented_order_id("lift", number),
            owner="",
            wallet=self._floor.crowd.wallet("lift", number),
            outcome=whale.outcome,
            side=opposite(whale.side),
        )
        return self._pit.book(listing, taker, [maker], now)

    def _sweep(self, listing: Listing, whale: Taker, fill: Level, now: int) -> list[MakerFill]:
        side, price = listing.in_book_terms(whale.outcome, whale.side, fill.price)
        makers = [
            self._pit.client_maker(listing, offer.order_id, offer.size, now)
            for offer in self._clients_first(listing, side, price, fill.size)
        ]
        listing.book.pass_queue(opposite(side), price, fill.size)
        left = fill.size - sum(maker.size for maker in makers)
        left -= left % size_step(price)
        if left:
            makers.append(self._pit.crowd_maker(listing, whale, fill.price, left))
        return makers

    def _clients_first(self, listing: Listing, side: Side, price: int, size: int) -> list[Offer]:
        offers: list[Offer] = []
        left = size
        for order in listing.book.in_reach(side, price):
            ahead = order.ahead if order.price == price else 0
            wanted = min(order.leaves, max(0, left - ahead))
            found = match([Offer(order.price, wanted, order.order_id)], wanted)
            offers.extend(found)
            left -= sum(offer.size for offer in found)
        return offers


def _whole(fill: Level) -> Level:
    return Level(fill.price, fill.size - fill.size % size_step(fill.price))
