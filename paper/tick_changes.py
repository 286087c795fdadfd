"""Changes a market's tick size while it is traded, for the venue and for all who watch it."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation

from paper.faults import Fault
from paper.model import MICROS, TickSizeChanged
from paper.registry import Listing
from paper.rules import AMOUNT_DECIMALS
from paper.settlement import Floor


def tick_size_of(text: str) -> int | None:
    """Return a tick size of the venue in micros, None for what is none, such as 0.002."""
    try:
        micros = Decimal(text) * MICROS
    except InvalidOperation:
        return None
    return int(micros) if micros in AMOUNT_DECIMALS else None


def change_tick_size(floor: Floor, listing: Listing, rule: Fault, now: int) -> None:
    """Give a market the tick size in the rule's `text`.

    Its orders are checked by it from now on; resting ones stay. Streams tell of it, and send the
    next whole book `delay_s` later.
    """
    old, new = listing.market.tick_size, tick_size_of(rule.text)
    assert new is not None, rule.text
    listing.market = replace(listing.market, tick_size=new)
    floor.registry.touch(listing)
    condition_id = listing.market.condition_id
    floor.publish(TickSizeChanged(condition_id, old, new, now, rule.delay_ms))
