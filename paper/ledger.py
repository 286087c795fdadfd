"""The venue's double-entry ledger: whatever one account gets another has given."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CASH = ""  # the asset that is pUSD; every other asset is named by its token id

BANK = "bank"  # where bankrolls come from; its cash is below zero by all that was handed out
MINT = "mint"  # holds the pUSD behind all outcome tokens; its tokens are below zero
FEES = "fees"  # what takers paid
DRAINED = "drained"  # what a fault took out of a wallet
IN_FLIGHT = "in-flight"  # given at the match, not yet received: moves on when the trade is mined

_MAY_OWE = frozenset((BANK, MINT))


class LedgerError(Exception):
    """A move would have left an account with less than nothing: a bug, never a user's mistake."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One movement of micros of an asset between two accounts."""

    source: str
    target: str
    asset: str
    size: int


class Ledger:
    """Balances by account and asset, in micros; over all accounts every asset sums to zero."""

    def __init__(self) -> None:
        self._balances: dict[str, dict[str, int]] = {}
        self._changed: set[tuple[str, str]] = set()

    def load(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """Take over (account, asset, micros) rows as they were saved."""
        for account, asset, micros in rows:
            self._balances.setdefault(account, {})[asset] = micros

    def balance(self, account: str, asset: str) -> int:
        """Return what an account holds, zero for an unknown one."""
        return self._balances.get(account, {}).get(asset, 0)

    def knows(self, account: str) -> bool:
        """Tell whether anything was ever moved to or from an account."""
        return account in self._balances

    def move(self, leg: Leg) -> None:
        """Move an asset; raise LedgerError, moving nothing, if the source does not hold it."""
        held = self.balance(leg.source, leg.asset)
        if leg.size < 0 or (held < leg.size and leg.source not in _MAY_OWE):
            raise LedgerError(
                f"{leg.source} holds {held} micros of {leg.asset or 'pUSD'}, asked for {leg.size}"
            )
        self._add(leg.source, leg.asset, -leg.size)
        self._add(leg.target, leg.asset, leg.size)

    def depart(self, legs: Iterable[Leg]) -> None:
        """Take what a trade's givers owe out of their accounts: it is in flight."""
        for leg in legs:
            self.move(Leg(leg.source, IN_FLIGHT, leg.asset, leg.size))

    def arrive(self, legs: Iterable[Leg]) -> None:
        """Hand what was in flight to those whom it was meant for."""
        for leg in legs:
            self.move(Leg(IN_FLIGHT, leg.target, leg.asset, leg.size))

    def turn_back(self, legs: Iterable[Leg]) -> None:
        """Give what was in flight back to those who gave it: the trade has failed."""
        for leg in legs:
            self.move(Leg(IN_FLIGHT, leg.source, leg.asset, leg.size))

    def recall(self, legs: Iterable[Leg]) -> None:
        """Take what has arrived back into flight: the trade's transaction is gone again."""
        for leg in legs:
            self.move(Leg(leg.target, IN_FLIGHT, leg.asset, leg.size))

    def provide(self, account: str, tokens: tuple[str, str], leg: Leg) -> None:
        """Let a made-up wallet hold what a leg asks of it: the bank pays, the mint issues."""
        missing = leg.size - self.balance(account, leg.asset)
        if missing <= 0:
            return
        if leg.asset == CASH:
            self.move(Leg(BANK, account, CASH, missing))
            return
        self.move(Leg(BANK, MINT, CASH, missing))
        for token in tokens:
            self.move(Leg(MINT, account, token, missing))

    def holders(self, asset: str) -> list[tuple[str, int]]:
        """Return (account, micros) of every account that holds more than nothing of an asset."""
        return [
            (account, held[asset])
            for account, held in self._balances.items()
            if held.get(asset, 0) > 0
        ]

    def accounts(self) -> dict[str, tuple[int, dict[str, int]]]:
        """Return (cash, tokens) by account; tokens of which nothing is held are left out."""
        return {
            account: (
                held.get(CASH, 0),
                {asset: micros for asset, micros in held.items() if asset != CASH and micros},
            )
            for account, held in self._balances.items()
        }

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to be saved."""
        return bool(self._changed)

    def take_changes(self) -> Iterator[tuple[str, str, int]]:
        """Yield the balances that have changed since the last call, to be saved."""
        changed, self._changed = self._changed, set()
        for account, asset in changed:
            yield account, asset, self.balance(account, asset)

    def _add(self, account: str, asset: str, micros: int) -> None:
        held = self._balances.setdefault(account, {})
        held[asset] = held.get(asset, 0) + micros
        self._changed.add((account, asset))
