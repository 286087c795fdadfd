"""Names the wallets of public feeds, so that an invented wallet is seen to be one."""

from collections.abc import Callable, Iterable

from paper.tape import TapeWallet

PREFIX = "invented-"


class Names:
    """Public names by wallet; a tape's wallets keep their names, others are numbered."""

    def __init__(self, tape_wallets: Callable[[], Iterable[TapeWallet]]) -> None:
        self._tape_wallets = tape_wallets
        self._known: dict[str, str] = {}

    def of(self, wallet: str, *, is_invented: bool) -> str:
        """Return a wallet's name; wallets of the venue's own clients have none."""
        if not is_invented:
            return ""
        if not self._known:
            self._known = {
                tape_wallet.address.lower(): invented_name(tape_wallet.name)
                for tape_wallet in self._tape_wallets()
            }
        return self._known.get(wallet.lower()) or f"{PREFIX}{_number(wallet)}"


def invented_name(name: str) -> str:
    """Mark a made-up name as such."""
    return name if name.startswith(PREFIX) else f"{PREFIX}{name}"


def _number(wallet: str) -> int:
    digits = "".join(digit for digit in wallet.lower()[-4:] if digit in "0123456789abcdef")
    return int(digits or "0", 16)
