"""The faults by name: which of them can strike at which point, and how long they last unasked."""

from collections.abc import Mapping

from paper.chain_faults import RPC_ERROR
from paper.faults import Point
from paper.market_faults import FALSE_BOOKS, NO_SNAPSHOT
from paper.office import COURSES as COURSES_OF_RELAY
from paper.reorgs import REORG
from paper.settling_faults import COURSES, PREFIXED, SPLIT
from paper.stream_faults import LINE_FAULTS

MODES = ("restart", "post_only", "cancel_only", "disabled")
_BROKEN_CALLS = (
    "drop_before",
    "drop_after",
    "hang_before",
    "hang_after",
    "error_before",
    "error_after",
)
_BROKEN_READS = ("error", "hang", "lag")
BROKEN_RELAYS = ("drop_before", "drop_after", "error_before", "error_after")

NAMES: Mapping[Point, tuple[str, ...]] = {
    Point.POST_ORDER: (
        *_BROKEN_CALLS,
        *MODES,
        "rate_limited",
        "timed_out",
        "unauthorized",
        "restricted",
        "closed_only",
        "no_balance",
        "malformed",
        "empty",
        "wrong_id",
        "delayed",
        "delayed_error",
        "unmatched",
        "late_booking",
        "ghost_live",
    ),
    Point.MATCH: ("partial", "unfilled"),
    Point.CANCEL: (
        *_BROKEN_CALLS,
        *MODES,
        "rate_limited",
        "unauthorized",
        "malformed",
        "empty",
        "race",
        "ignored",
    ),
    Point.READ_ORDER: (*_BROKEN_READS, "null"),
    Point.READ_TRADES: (*_BROKEN_READS, "shuffle", "duplicate"),
    Point.READ_BALANCE: _BROKEN_READS,
    Point.READ_BOOK: _BROKEN_READS,
    Point.SETTLE: (*COURSES, SPLIT, PREFIXED),
    Point.USER_STREAM: LINE_FAULTS,
    Point.MARKET_STREAM: (*LINE_FAULTS, *FALSE_BOOKS, NO_SNAPSHOT, "tick_change"),
    Point.RTDS: LINE_FAULTS,
    Point.CHAIN: (*LINE_FAULTS, RPC_ERROR, REORG),
    Point.DATA_API: ("stale", "error"),
    Point.ACCOUNT: ("drain", "no_allowance", "geoblocked", "closed_only"),
    Point.RELAY: (*BROKEN_RELAYS, *COURSES_OF_RELAY),
}

DELAYS_MS: Mapping[str, int] = {
    **dict.fromkeys(("hang", "hang_before", "hang_after", *MODES), 10_000),
    "pending": 30_000,
    **dict.fromkeys(("delayed", "delayed_error", "ghost_live", "lag"), 1_000),
    "late_booking": 5_000,
    "stale": 60_000,
}


def delay_ms(fault: str) -> int:
    """Return how long a fault lasts where a plan does not say; 0 for what takes no time."""
    return DELAYS_MS.get(fault, 0)
