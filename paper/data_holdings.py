"""Knows, wallet by wallet, what is held and what was earned; the Data API asks it."""

from collections.abc import Sequence

from paper.fills import PublicFill
from paper.gamma_rows import quote
from paper.names import Names
from paper.pasts import Outcome, outcomes, shifted
from paper.positions import Holding, hold
from paper.public_trades import PublicTrades
from paper.redemption import Redemption
from paper.stakes import StakeMove
from paper.tape import TapeWallet
from paper.venue import Venue


class Holdings:
    """Holdings and outcomes, worked out anew at every question from the public fills."""

    def __init__(self, venue: Venue, trades: PublicTrades, names: Names) -> None:
        self._venue = venue
        self._trades = trades
        self._names = names
        self._redemptions: dict[tuple[str, str], Redemption] = {}
        self._seen = 0

    def of_wallet(self, wallet: str) -> list[Holding]:
        """Return everything a wallet holds or held in this venue's markets."""
        return self._hold(self._trades.of_wallet(wallet), self._trades.moves(wallet=wallet))

    def of_condition(self, condition_id: str) -> list[Holding]:
        """Return everybody's holdings in one market."""
        moves = self._trades.moves(condition_id=condition_id)
        return self._hold(self._trades.of_condition(condition_id), moves)

    def outcomes(self, wallet: str) -> list[Outcome]:
        """Return what a wallet's exits brought, its invented past first, by time."""
        past = self.past(wallet)
        found = [] if past is None else outcomes(past.history)
        found += [
            Outcome(exited.at, exited.pnl, exited.size, exited.proceeds)
            for holding in self.of_wallet(wallet)
            for exited in holding.exits
        ]
        return sorted(found, key=lambda outcome: outcome.at)

    def tape_wallets(self) -> Sequence[TapeWallet]:
        """Return the made-up wallets, with pasts that end where this play begins."""
        play, header = self._venue.play, self._venue.tape_header
        if play is None or header is None:
            return self._venue.tape_wallets()
        later_ms = play.started_at - header.starts_at
        return [shifted(wallet, later_ms) for wallet in self._venue.tape_wallets()]

    def past(self, wallet: str) -> TapeWallet | None:
        """Return a wallet's invented past, if it is one of the tape's."""
        return next(
            (known for known in self.tape_wallets() if known.address.lower() == wallet.lower()),
            None,
        )

    def price(self, holding: Holding) -> int:
        """Return what a share is worth now: its payout once resolved, else the mid-price."""
        return quote(self._venue, holding.market).prices[holding.outcome_index]

    def name_of_fill(self, fill: PublicFill) -> str:
        """Return the public name of a fill's wallet."""
        return self._names.of(fill.wallet, is_invented=fill.has_invented_wallet)

    def name_of_wallet(self, wallet: str) -> str:
        """Return the public name of an invented wallet."""
        return self._names.of(wallet, is_invented=True)

    def name_of(self, holding: Holding) -> str:
        """Return the public name of a holder."""
        return self._names.of(holding.wallet, is_invented=holding.is_invented)

    def _hold(self, fills: Sequence[PublicFill], moves: Sequence[StakeMove]) -> list[Holding]:
        placed = [(move, self._venue.market(move.condition_id)) for move in moves]
        known = [(move, market) for move, market in placed if market is not None]
        visible = self._trades.visible(fills)
        return hold(visible, self._venue.market_of, self._redemption, known)

    def _redemption(self, wallet: str, token_id: str) -> Redemption | None:
        told = self._venue.redemptions()
        for redemption in told[self._seen :]:
            self._redemptions[redemption.wallet.lower(), redemption.token_id] = redemption
        self._seen = len(told)
        found = self._redemptions.get((wallet.lower(), token_id))
        is_unknown = found is None or found.at > self._venue.now() - self._trades.behind_ms
        return None if is_unknown else found
