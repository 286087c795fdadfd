"""Whose wallet is it: the venue's substitute for asking a wallet contract on chain."""

from paper.auth import KeyRing
from paper.venue import Venue
from paper.wallets import wallet_of, wallets_of

_TYPES = (0, 1, 2, 3)


class Accounts:
    """Which owner key controls which wallet.

    A wallet that the factories derive from an owner is that owner's. Any other wallet belongs to
    the first owner whose correctly signed order names it, for ever: this venue has no chain on
    which it could look the owner up. Orders are kept, so the bindings survive a restart.
    """

    def __init__(self, venue: Venue, keys: KeyRing, *, deposit_wallets_only: bool) -> None:
        self._venue = venue
        self._deposit_wallets_only = deposit_wallets_only
        self._owners: dict[str, str] = {}
        self._used: dict[tuple[str, int], str] = {}
        for key in keys.all():
            self._know(key.wallet)
        for record in venue.orders():
            owner = keys.find(record.owner)
            if owner is not None:
                self._bind(record.order.maker, owner.wallet, record.order.signature_type)

    def welcome(self, owner: str) -> None:
        """Open the wallet of an owner who logged in; it gets its bankroll the first time only."""
        self._know(owner)
        self._venue.open_wallet(wallet_of(owner, 3 if self._deposit_wallets_only else 0))

    def is_controlled(self, wallet: str, owner: str) -> bool:
        """Tell whether an owner may trade from a wallet: its own, or nobody's yet."""
        return self._owners.get(wallet, owner) == owner

    def claim(self, wallet: str, owner: str, signature_type: int) -> None:
        """Bind a wallet to the owner who has proved it with a signature, and open it."""
        assert self.is_controlled(wallet, owner)
        self._bind(wallet, owner, signature_type)
        self._venue.open_wallet(wallet)

    def trading_wallet(self, owner: str, signature_type: int) -> str:
        """Return the wallet whose balance an owner asks for, opened.

        That is the wallet last traded from under this signature type, else the derived one.
        """
        used = self._used.get((owner, signature_type))
        wallet = used if used is not None else wallet_of(owner, signature_type)
        self._venue.open_wallet(wallet)
        return wallet

    def _know(self, owner: str) -> None:
        if owner not in self._owners:
            for signature_type in _TYPES:
                for wallet in wallets_of(owner, signature_type):
                    self._owners[wallet] = owner

    def _bind(self, wallet: str, owner: str, signature_type: int) -> None:
        self._owners.setdefault(wallet, owner)
        self._used[owner, signature_type] = wallet
