"""What may be concluded when the venue does not know an order: the one table of proofs of death."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.orders import Intent, OrderProgress, Ruling
from trading.rules import OrderRules
from trading.types import OrderState, Settlement

_KNOWN_ALIVE = frozenset({OrderState.DELAYED, OrderState.LIVE, OrderState.PARTIAL})


@dataclass(frozen=True, slots=True)
class Silence:
    """Looks at the venue in a row that found no active order, since the first and until the last.

    `is_asked_to_die` says that we asked the venue to cancel it. A look that failed, in part or
    wholly, is no silence and proves nothing.
    """

    since: datetime
    until: datetime
    is_asked_to_die: bool = False


def rule_on_silence(
    intent: Intent, progress: OrderProgress, silence: Silence, rules: OrderRules
) -> Ruling | None:
    """Return what a silent venue proves about an order, None while it proves nothing.

    - Every copy was turned away unworked and none can follow: REJECTED.
    - Nobody saw it until the quarantine after the last possible copy was over: VOID.
    - It was on the book, we asked to cancel it, and for longer than the venue's readers lag
      nothing was heard of it: CANCELLED, with the fills known. A delayed order is no exception
      but takes the whole quarantine, since it cannot be cancelled while it is delayed.

    The chain must be asked before a ruling is believed: see `contradicts`.
    """
    if progress.state is OrderState.UNKNOWN:
        return _rule_on_unknown(intent, progress, silence.until, rules)
    if progress.state not in _KNOWN_ALIVE or not silence.is_asked_to_die:
        return None
    is_delayed = progress.state is OrderState.DELAYED
    grace = rules.quarantine if is_delayed else rules.absent_for
    heard_at = max(progress.changed_at or silence.since, silence.since)
    if silence.until < heard_at + grace:
        return None
    return Ruling(OrderState.CANCELLED, f"off the book, not heard of for {grace}")


def contradicts(filled_on_chain: Decimal | None, progress: OrderProgress) -> bool:
    """Tell whether the chain knows more of an order than we do; None: it never saw the order."""
    if filled_on_chain is None:
        return False
    known = progress.size_with(Settlement.MINED, Settlement.CONFIRMED)
    return progress.state is OrderState.UNKNOWN or filled_on_chain > known


def _rule_on_unknown(
    intent: Intent, progress: OrderProgress, now: datetime, rules: OrderRules
) -> Ruling | None:
    last_copy_at = max(intent.created_at + rules.retry_until, intent.expires_at)
    if now < last_copy_at:
        return None
    if not progress.had_unknown:
        return Ruling(OrderState.REJECTED, f"the venue refused every copy: {progress.text}")
    if now < last_copy_at + rules.quarantine:
        return None
    text = "seen by neither order, trades, user stream nor chain until the quarantine's end"
    return Ruling(OrderState.VOID, text)
