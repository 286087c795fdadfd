"""Ready-made plans of faults: how a bad day of the venue looks, and a worse one."""

from collections.abc import Mapping
from decimal import Decimal

from paper.faults import Fault, Point

_READS = (Point.READ_ORDER, Point.READ_TRADES, Point.READ_BALANCE)
_GETS = (*_READS, Point.READ_BOOK)


def _share(percent: str) -> Decimal:
    return Decimal(percent) / 100


# What a POST meets adds up to 32 %: seven of a hundred are told too little, eleven are worked
# although the caller hears of a failure, and fourteen are not worked.
_CHAOS_POSTS = (
    Fault(Point.POST_ORDER, "rate_limited", _share("2.5"), retry_after_s=1),
    Fault(Point.POST_ORDER, "restart", _share("2.5"), delay_ms=1_500, retry_after_s=0),
    Fault(Point.POST_ORDER, "error_before", _share("5")),
    Fault(Point.POST_ORDER, "drop_before", _share("3.75")),
    Fault(Point.POST_ORDER, "error_after", _share("3.75")),
    Fault(Point.POST_ORDER, "drop_after", _share("3.75")),
    Fault(Point.POST_ORDER, "hang_after", _share("3.75"), delay_ms=10_000),
    Fault(Point.POST_ORDER, "delayed", _share("7"), delay_ms=300, delay_max_ms=2_000),
)
_CHAOS_MATCHES = (
    Fault(
        Point.MATCH,
        "partial",
        _share("15"),
        size_share=Decimal("0.3"),
        size_share_max=Decimal("0.79"),
    ),
    Fault(Point.MATCH, "unfilled", _share("8")),
)

CHAOS = (
    *_CHAOS_POSTS,
    *_CHAOS_MATCHES,
    *(Fault(point, "error", _share("3.75"), status=500) for point in _GETS),
    *(Fault(point, "lag", _share("30"), delay_ms=0, delay_max_ms=600) for point in _READS),
    Fault(Point.READ_TRADES, "duplicate", _share("5")),
    Fault(Point.READ_TRADES, "shuffle", _share("5")),
    Fault(Point.CANCEL, "race", _share("10"), size_share=Decimal("0.5")),
    Fault(Point.SETTLE, "retrying", _share("2")),
    Fault(Point.SETTLE, "failed", _share("4"), delay_ms=3_000),
    Fault(Point.SETTLE, "split", _share("50")),
    Fault(Point.SETTLE, "prefixed", _share("30")),
)

STRESS = (
    Fault(Point.SETTLE, "failed", _share("35"), delay_ms=3_000),
    *(Fault(point, "lag", delay_ms=5_000) for point in _READS),
    Fault(Point.POST_ORDER, "late_booking", _share("10"), delay_ms=20_000),
    Fault(Point.CANCEL, "race", _share("30"), size_share=Decimal("0.5")),
)

PROFILES: Mapping[str, tuple[Fault, ...]] = {"none": (), "chaos": CHAOS, "stress": STRESS}
