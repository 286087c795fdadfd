"""What a client's order misses in the book when a fault lets others be quicker."""

from paper.books import LOT, opposite
from paper.faults import Point
from paper.matching import Offer, match, total_size
from paper.model import OrderRecord
from paper.registry import Listing
from paper.rules import is_immediate
from paper.settlement import Floor


def what_is_left(
    floor: Floor, listing: Listing, record: OrderRecord, offered: list[Offer]
) -> list[Offer]:
    """Return the fills that an order gets of those that the book offers it."""
    if not offered or not floor.faults.concern(Point.MATCH):
        return offered
    fate = floor.faults.draw(Point.MATCH, record.order.order_id, facts_of(record))
    if fate is None:
        return offered
    most = 0 if fate.fault == "unfilled" else int(record.order.size * fate.size_share)
    return _cut(listing, record, offered, most)


def missed(
    _floor: Floor, listing: Listing, record: OrderRecord, offered: list[Offer]
) -> list[Offer]:
    """Return no fills, whatever the book offers."""
    return _cut(listing, record, offered, 0)


def facts_of(record: OrderRecord) -> dict[str, str]:
    """Return what the rules of a plan can ask of an order that was booked."""
    return {
        "token_id": record.order.token_id,
        "side": record.order.side.value,
        "order_type": record.order_type.value,
        "attempt": str(record.posts - 1),
        "maker": record.order.maker,
    }


def _cut(listing: Listing, record: OrderRecord, offered: list[Offer], most: int) -> list[Offer]:
    kept = match(offered, most - most % LOT)
    if not is_immediate(record.order_type):
        _withdraw(listing, record, total_size(kept))
    return kept


def _withdraw(listing: Listing, record: OrderRecord, kept: int) -> None:
    """Let all that the order has missed leave the book, so that it does not rest across it."""
    outcome = listing.outcome_of(record.order.token_id)
    side, limit = listing.in_book_terms(outcome, record.order.side, record.price)
    for offer in tuple(listing.book.offers(side, limit)):
        missing = max(0, offer.size - kept)
        kept = max(0, kept - offer.size)
        if missing and not offer.order_id:
            listing.book.take(opposite(side), offer.price, missing)
