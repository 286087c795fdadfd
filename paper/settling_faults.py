"""What becomes of a client's trade between its match and the chain: pure decisions of the plan.

Dice are thrown by a trade's number, so that the same trades in the same order fare alike in every
run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paper.derive import draw
from paper.faults import Fault, Faults, Point
from paper.matching import FEE_STEP, notional, size_step
from paper.model import MICROS, MakerFill, Trade, TradeStatus

SPLIT, PREFIXED = "split", "prefixed"
COURSES = ("slow", "retrying", "failed", "failed_after_mined", "unbroadcast")
PARTS_MAX = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How long after its match a trade is mined and confirmed when nothing goes wrong, in ms."""

    mined_after: int
    confirmed_after: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A status that a trade takes at a moment, Unix ms; MATCHED means that it is broadcast."""

    status: TradeStatus
    at: int


def course_of(trade: Trade, pace: Pace, fault: Fault | None) -> tuple[Stage, ...]:
    """Return what a trade that was just matched goes through, in order.

    `slow` is mined `delay_s` later than it should be; `unbroadcast` too, and is only sent then.
    `retrying` and `failed` are RETRYING when they should be mined, and mined or failed `delay_s`
    later. `failed_after_mined` is taken back `delay_s` after it was mined, and fails later still.
    Where no delay is given it is the usual time from MINED to CONFIRMED.
    """
    usual = pace.confirmed_after - pace.mined_after
    late = (fault.delay_ms or usual) if fault is not None else 0
    mined, confirmed = trade.matched_at + pace.mined_after, trade.matched_at + pace.confirmed_after
    settled = (
        Stage(TradeStatus.MINED, mined + late),
        Stage(TradeStatus.CONFIRMED, confirmed + late),
    )
    match "" if fault is None else fault.fault:
        case "retrying":
            return (Stage(TradeStatus.RETRYING, mined), *settled)
        case "failed":
            failed = Stage(TradeStatus.FAILED, mined + late)
            return (Stage(TradeStatus.RETRYING, mined), failed)
        case "failed_after_mined":
            return (
                Stage(TradeStatus.MINED, mined),
                Stage(TradeStatus.RETRYING, mined + late),
                Stage(TradeStatus.FAILED, mined + late + usual),
            )
        case "unbroadcast":
            return (Stage(TradeStatus.MATCHED, trade.matched_at + late), *settled)
        case _:
            return settled


def course_after_restart(trade: Trade, pace: Pace) -> tuple[Stage, ...]:
    """Return what a saved trade still goes through: no fault outlives the process."""
    plain = course_of(trade, pace, None)
    return plain[1:] if trade.status is TradeStatus.MINED else plain


def draw_course(faults: Faults, trade: Trade, number: int) -> Fault | None:
    """Draw what goes wrong on the way to the chain of a trade, the `number`th that was booked."""
    return faults.draw(Point.SETTLE, f"trade {number}", facts_of(trade), COURSES)


def is_prefixed(faults: Faults, trade: Trade, number: int) -> bool:
    """Draw whether REST writes a trade's status as `TRADE_STATUS_…`, as production may."""
    key = f"trade {number}/{PREFIXED}"
    return faults.draw(Point.SETTLE, key, facts_of(trade), (PREFIXED,)) is not None


def is_of_client(trade: Trade) -> bool:
    """Tell whether a client has a part in a trade; only such trades are struck."""
    return bool(trade.owner) or any(maker.owner for maker in trade.makers)


def facts_of(trade: Trade) -> dict[str, str]:
    """Return the facts of a case: token and side are the taker's, `maker` is the client's wallet.

    Where both sides are clients the wallet is the taker's.
    """
    owned = (maker.wallet for maker in trade.makers if maker.owner)
    return {
        "token_id": trade.token_id,
        "side": trade.side.value,
        "maker": trade.wallet if trade.owner else next(owned, ""),
    }


def pieces_of(faults: Faults, trade: Trade, number: int) -> list[Trade]:
    """Draw whether a match of one price is booked as several trades, and return them.

    Each has a part of every maker; the first is the largest and holds what cannot be cut into
    whole micros of pUSD. Together they cost what the one would; they bear its id until named.
    """
    parts = _parts(faults, trade, number)
    if len(parts) < 2:
        return [trade]
    pieces = [_piece(trade, part, place) for place, part in enumerate(parts)]
    pieces[0].fee = trade.fee - sum(piece.fee for piece in pieces[1:])
    return pieces


def _parts(faults: Faults, trade: Trade, number: int) -> list[list[MakerFill]]:
    prices = {_takers_price(trade, maker) for maker in trade.makers}
    if prices != {trade.price} or not is_of_client(trade):
        return []
    key = f"trade {number}/{SPLIT}"
    if faults.draw(Point.SETTLE, key, facts_of(trade), (SPLIT,)) is None:
        return []
    count = PARTS_MAX - draw(PARTS_MAX - 1, faults.plan.seed, key)
    cuts = [(maker, _cut(maker, count)) for maker in trade.makers]
    parts = [
        [replace(maker, size=sizes[place]) for maker, sizes in cuts if sizes[place]]
        for place in range(count)
    ]
    return [part for part in parts if part]


def _takers_price(trade: Trade, maker: MakerFill) -> int:
    return maker.price if maker.token_id == trade.token_id else MICROS - maker.price


def _cut(maker: MakerFill, count: int) -> list[int]:
    step = size_step(maker.price)
    weights = range(count, 0, -1)
    sizes = [maker.size * weight // sum(weights) for weight in weights]
    sizes = [size - size % step for size in sizes]
    return [maker.size - sum(sizes[1:]), *sizes[1:]]


def _piece(trade: Trade, makers: Sequence[MakerFill], place: int) -> Trade:
    size = sum(maker.size for maker in makers)
    fee = trade.fee * size // trade.size
    return replace(
        trade,
        size=size,
        cost=notional(size, trade.price),
        fee=fee - fee % FEE_STEP,
        makers=tuple(makers),
        bucket_index=trade.bucket_index + place,
    )
