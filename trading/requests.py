"""What several who want a position sold at the same time come to: one reason and one share."""

from collections.abc import Sequence
from decimal import Decimal

from trading.types import ONE, ExitReason, ExitRequest, Price

STEP = Decimal("0.00000001")


def share_of(requests: Sequence[ExitRequest]) -> Decimal:
    """Return the share of what is held that all requests together sell, 0 for none.

    Each sells its share of what those before it leave: 1 - (1 - a)(1 - b). So their order does
    not matter, and who wants everything gets everything. A signal that asks twice counts once.
    """
    left = ONE
    signals = set()
    for request in requests:
        if request.signal_id is not None and request.signal_id in signals:
            continue
        signals.add(request.signal_id)
        left *= ONE - request.share
    return (ONE - left).quantize(STEP)


def reason_of(requests: Sequence[ExitRequest]) -> ExitReason:
    """Return the reason that names the exit: of the first who wants everything, else the first."""
    assert requests, "expected somebody to ask for the exit"
    whole = (request.reason for request in requests if request.share == ONE)
    return next(whole, requests[0].reason)


def lowest_of(requests: Sequence[ExitRequest]) -> Price | None:
    """Return the lowest price that a person among them lets it go for; None: the floor holds."""
    allowed = (r.lowest for r in requests if r.reason is ExitReason.OPERATOR)
    return min((lowest for lowest in allowed if lowest is not None), default=None)
