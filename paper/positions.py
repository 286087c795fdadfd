"""Works out what a wallet holds and has earned, from its public fills and the markets' results."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from paper.fills import PublicFill
from paper.model import MICROS, Market, Side
from paper.redemption import Redemption
from paper.stakes import StakeKind, StakeMove


class HoldingStatus(StrEnum):
    """Where a holding stands, in the Data API's words."""

    OPEN = "OPEN"
    REDEEMABLE = "REDEEMABLE"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Realised:
    """What one exit brought: proceeds less the cost of what was given up, in micros, signed."""

    at: int
    pnl: int
    proceeds: int
    size: int


@dataclass(slots=True)
class Holding:
    """One wallet's one token. Costs leave fees out, as the Data API does."""

    wallet: str
    market: Market
    outcome_index: int
    is_invented: bool
    size: int = 0
    cost: int = 0
    bought_size: int = 0
    bought_cost: int = 0
    fees: int = 0
    first_at: int = 0
    last_at: int = 0
    status: HoldingStatus = HoldingStatus.OPEN
    redemption: Redemption | None = None
    exits: list[Realised] = field(default_factory=list)

    @property
    def token_id(self) -> str:
        """Return the token that is held."""
        return self.market.token_ids[self.outcome_index]

    @property
    def realised_pnl(self) -> int:
        """Return what all exits brought, in micros."""
        return sum(exited.pnl for exited in self.exits)

    @property
    def average_price(self) -> int:
        """Return the mean price of what was bought, in micros; 0 if nothing was."""
        return self.bought_cost * MICROS // self.bought_size if self.bought_size else 0

    @property
    def payout(self) -> int | None:
        """Return what a share is paid once the market is resolved, in micros."""
        return None if self.market.payouts is None else self.market.payouts[self.outcome_index]

    def take(self, fill: PublicFill) -> None:
        """Count a fill in."""
        self.first_at = self.first_at or fill.at
        self.last_at = fill.at
        self.fees += fill.fee
        if fill.side is Side.BUY:
            self.size += fill.size
            self.cost += fill.cost
            self.bought_size += fill.size
            self.bought_cost += fill.cost
        else:
            self.give_up(fill.at, fill.size, fill.cost)

    def move(self, move: StakeMove) -> None:
        """Count a move in: a full set is worth a dollar, half of it each token."""
        self.first_at = self.first_at or move.at
        self.last_at = move.at
        worth = 0 if move.kind is StakeKind.CONVERSION else move.size // 2
        if move.kind is StakeKind.SPLIT:
            self.size += move.size
            self.cost += worth
            self.bought_size += move.size
            self.bought_cost += worth
        else:
            self.give_up(move.at, move.size, worth)

    def give_up(self, at: int, size: int, proceeds: int) -> None:
        """Count an exit in; what was never seen bought costs nothing."""
        given = min(size, self.size)
        basis = self.cost * given // self.size if self.size else 0
        self.size -= given
        self.cost -= basis
        self.exits.append(Realised(at, proceeds - basis, proceeds, size))


Redeemed = Callable[[str, str], Redemption | None]


def hold(
    fills: Iterable[PublicFill],
    market_of: Callable[[str], Market | None],
    redeemed: Redeemed,
    moves: Iterable[tuple[StakeMove, Market]] = (),
) -> list[Holding]:
    """Replay fills and moves, oldest first, into holdings per wallet and token, in their order.

    `redeemed` finds the redemption of a wallet's token. Until there is one, a holding of a
    resolved market waits as REDEEMABLE, whether it won or lost.
    """
    holdings = _Holdings()
    waiting = sorted(moves, key=lambda each: each[0].at)[::-1]
    for fill in fills:
        while waiting and waiting[-1][0].at < fill.at:
            holdings.move(*waiting.pop())
        market = market_of(fill.token_id)
        if market is not None:
            holdings.fill(fill, market)
    while waiting:
        holdings.move(*waiting.pop())
    for holding in holdings.found.values():
        _settle(holding, redeemed(holding.wallet, holding.token_id))
    return list(holdings.found.values())


@dataclass(slots=True)
class _Holdings:
    found: dict[tuple[str, str], Holding] = field(default_factory=dict)

    def fill(self, fill: PublicFill, market: Market) -> None:
        key = (fill.wallet.lower(), fill.token_id)
        if key not in self.found:
            index = market.token_ids.index(fill.token_id)
            self.found[key] = Holding(fill.wallet, market, index, fill.has_invented_wallet)
        self.found[key].take(fill)

    def move(self, move: StakeMove, market: Market) -> None:
        for index in move.kind.outcomes:
            key = (move.wallet.lower(), market.token_ids[index])
            if key not in self.found:
                self.found[key] = Holding(move.wallet, market, index, is_invented=True)
            self.found[key].move(move)


def _settle(holding: Holding, redemption: Redemption | None) -> None:
    if holding.size and redemption is not None:
        holding.redemption = redemption
        holding.last_at = redemption.at
        holding.give_up(redemption.at, holding.size, redemption.payout)
    if not holding.size:
        holding.status = HoldingStatus.CLOSED
    elif holding.payout is not None:
        holding.status = HoldingStatus.REDEEMABLE
