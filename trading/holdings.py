"""What a whale holds, which share of it each reduction took, and what we owe to these shares."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.types import ONE, ZERO, ConditionId, Shares, Side, Source, TokenId, Wallet


class MoveKind(StrEnum):
    """What changes how many shares a wallet holds.

    SPLIT turns collateral into full sets, MERGE and CONVERSION (of a neg-risk market's NO tokens)
    give shares up outside the book, REDEEM gives up those of a resolved market. SNAPSHOT is what
    the venue said was held: it sets the holding and copies nothing, as a transfer does.
    """

    BUY = "BUY"
    SELL = "SELL"
    SPLIT = "SPLIT"
    MERGE = "MERGE"
    CONVERSION = "CONVERSION"
    REDEEM = "REDEEM"
    SNAPSHOT = "SNAPSHOT"

    @property
    def is_mirrored(self) -> bool:
        """Tell whether we leave in proportion; a resolved market is redeemed, never sold."""
        return self in (MoveKind.SELL, MoveKind.MERGE, MoveKind.CONVERSION)

    @property
    def adds(self) -> bool:
        """Tell whether the wallet holds more after it."""
        return self in (MoveKind.BUY, MoveKind.SPLIT)


_TURN = {
    MoveKind.BUY: 0,
    MoveKind.SPLIT: 0,
    MoveKind.SELL: 1,
    MoveKind.MERGE: 1,
    MoveKind.CONVERSION: 1,
    MoveKind.REDEEM: 1,
    MoveKind.SNAPSHOT: 2,
}


@dataclass(frozen=True, slots=True)
class Move:
    """One source's report of a change in what one wallet holds of one token.

    `identity` tells like reports of one source on one transaction apart: a log index, or the
    number among equal rows. What is not `is_copied` (a wash trade) moves the holding only.
    """

    kind: MoveKind
    size: Shares
    at: datetime
    transaction_hash: str
    source: Source
    identity: str = ""
    is_copied: bool = True


@dataclass(frozen=True, slots=True)
class WhaleMove:
    """A change of a wallet's stake without a trade; no token means every one of the market's.

    `ordinal` is its number among equal rows of one answer.
    """

    wallet: Wallet
    kind: MoveKind
    condition_id: ConditionId
    token_id: TokenId | None
    size: Shares
    transaction_hash: str
    at: datetime
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class HeldToken:
    """What the venue says a wallet held of a token when it last changed."""

    wallet: Wallet
    token_id: TokenId
    size: Shares
    at: datetime


@dataclass(frozen=True, slots=True)
class Reduction:
    """A whale gave up `share` of the `held` shares that it had before."""

    at: datetime
    transaction_hash: str
    size: Shares
    held: Shares
    share: Decimal


@dataclass(frozen=True, slots=True)
class WhaleHolding:
    """What a whale holds now, and the reductions that are to be mirrored, oldest first."""

    held: Shares
    reductions: tuple[Reduction, ...] = ()


def fold_moves(moves: Iterable[Move]) -> WhaleHolding:
    """Fold reports in any order and number into the holding.

    A report that is repeated counts once. Per transaction and kind what counts is the largest
    total of any one source, never their sum. Within a second what adds comes first, so that a
    reduction's share is never overstated; a snapshot comes last, since it knows all of it. All
    goes when more was given up than was seen to come in.
    """
    held = ZERO
    reductions = []
    for move in sorted(_merged(moves), key=lambda m: (m.at, _TURN[m.kind], m.transaction_hash)):
        if move.kind is MoveKind.SNAPSHOT:
            held = move.size
        elif move.kind.adds:
            held += move.size
        else:
            if move.kind.is_mirrored and move.is_copied:
                reductions.append(_reduction(move, Shares(held)))
            held = max(held - move.size, ZERO)
    return WhaleHolding(Shares(held), tuple(reductions))


def _reduction(move: Move, held: Shares) -> Reduction:
    share = min(move.size / held, ONE) if held > 0 else ONE
    return Reduction(move.at, move.transaction_hash, move.size, held, share)


def _merged(moves: Iterable[Move]) -> list[Move]:
    by_key: defaultdict[object, list[Move]] = defaultdict(list)
    for move in set(moves):
        moment = move.at if move.kind is MoveKind.SNAPSHOT else None
        by_key[move.transaction_hash, move.kind, moment].append(move)
    return [_largest(reports) for reports in by_key.values()]


def _largest(reports: Sequence[Move]) -> Move:
    """Return one move for all reports of one transaction and kind."""
    known = {(report.source, report.identity): report for report in sorted(reports, key=_age)}
    totals: defaultdict[Source, Decimal] = defaultdict(Decimal)
    for report in known.values():
        totals[report.source] += report.size
    return Move(
        kind=reports[0].kind,
        size=Shares(max(totals.values())),
        at=max(report.at for report in reports),
        transaction_hash=reports[0].transaction_hash,
        source=reports[0].source,
        is_copied=all(report.is_copied for report in reports),
    )


def _age(move: Move) -> tuple[datetime, Decimal]:
    return move.at, move.size


@dataclass(frozen=True, slots=True)
class LotFill:
    """One fill of our position. A BUY knows when the whale had bought what it copies.

    `is_mirrored` says of a SELL that it answered the whale's reductions; what one exit sold for
    others too has the same time, and is theirs of what the whale's part leaves.
    """

    side: Side
    size: Shares
    at: datetime
    whale_traded_at: datetime
    is_mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Mirror:
    """How much of a position follows its whale out: `share` of what running exits leave of it.

    `target` is what is left of our lots once they are reduced as the whale's holding was.
    """

    share: Decimal
    held: Shares
    target: Shares

    @property
    def owed(self) -> Shares:
        """Return the shares that are held beyond the target."""
        return Shares(max(self.held - self.target, ZERO))


def mirror(
    fills: Iterable[LotFill], reductions: Sequence[Reduction], asked: Iterable[Decimal] = ()
) -> Mirror:
    """Compare what we hold because of a whale with what is left of the whale's own stake.

    A lot is reduced by every reduction since the whale's purchase that it copies, and by what we
    sold for other reasons. The result depends on everything known now and on no history of
    asking: what an earlier answer left unsold is owed again, and what is repeated owes nothing.

    Args:
        fills: All fills of the position that the chain has not refused.
        reductions: The whale's, in any order.
        asked: Shares of the position that requests under way are still going to sell.
    """
    held, target = _fold_lots(fills, reductions)
    promised = held
    for share in asked:
        promised *= ONE - share
    owed = promised - target
    share = owed / promised if owed > 0 else ZERO
    return Mirror(share, Shares(promised), Shares(target))


def _fold_lots(
    fills: Iterable[LotFill], reductions: Sequence[Reduction]
) -> tuple[Decimal, Decimal]:
    held = target = ZERO
    for fill in sorted(fills, key=_turn_of):
        if fill.side is Side.BUY:
            held += fill.size
            target += fill.size * kept_since(fill.whale_traded_at, reductions)
            continue
        if not fill.is_mirrored and held > 0:
            target *= max(ONE - fill.size / held, ZERO)
        held = max(held - fill.size, ZERO)
    return held, target


def _turn_of(fill: LotFill) -> tuple[datetime, bool, bool]:
    return fill.at, fill.side is Side.SELL, not fill.is_mirrored


def kept_since(at: datetime, reductions: Iterable[Reduction]) -> Decimal:
    """Return the share of a stake of that time which is left after all that reduced it.

    Times are whole seconds: within one second the purchase came first, as `fold_moves` has it.
    """
    kept = ONE
    for reduction in reductions:
        if reduction.at >= at:
            kept *= ONE - reduction.share
    return kept
