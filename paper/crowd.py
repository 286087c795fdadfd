"""The made-up wallets behind recorded liquidity and invented trades."""

from collections.abc import Iterable

from paper.books import opposite
from paper.derive import account_name, digest, draw, hash_text, wallet_address
from paper.model import MICROS, MakerFill, Market, Side

CROWD_SIZE = 64
_COMPLEMENTS_IN_256 = 64  # every fourth recorded level is taken to rest on the other outcome


class Crowd:
    """Deals recorded size out to made-up wallets; the same level always to the same one."""

    def __init__(self, others: Iterable[str]) -> None:
        self._wallets = tuple(wallet_address("crowd", index) for index in range(CROWD_SIZE))
        self._invented = frozenset((*self._wallets, *map(account_name, others)))

    def is_invented(self, wallet: str) -> bool:
        """Tell whether a wallet is of the crowd or of the tape: the venue funds it as needed."""
        return wallet in self._invented

    def wallet(self, *key: object) -> str:
        """Return the wallet that stands for a key."""
        return self._wallets[draw(CROWD_SIZE, *key)]

    def maker(self, market: Market, taker: tuple[int, Side], fill: tuple[int, int]) -> MakerFill:
        """Make up the resting order that a taker of (outcome index, side) has met.

        `fill` is (price, size) in the terms of the taker's token. Recorded books do not tell on
        which outcome an order rests; a fixed choice by price puts some on the other one, where
        both sides buy (a mint) or both sell (a merge).
        """
        (outcome, side), (price, size) = taker, fill
        key = (market.condition_id, outcome, side, price)
        is_complement = digest("complement", *key)[0] < _COMPLEMENTS_IN_256
        index = 1 - outcome if is_complement else outcome
        return MakerFill(
            order_id=hash_text("crowd order", *key),
            owner="",
            wallet=self.wallet("maker", *key),
            token_id=market.token_ids[index],
            outcome=market.outcomes[index],
            side=side if is_complement else opposite(side),
            size=size,
            price=MICROS - price if is_complement else price,
        )
