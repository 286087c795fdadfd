"""Pays the holders of resolved markets and burns their tokens, asked to or by itself."""

from collections.abc import Callable
from dataclasses import dataclass

from paper.derive import hash_text
from paper.ledger import CASH, MINT, Ledger, Leg
from paper.matching import notional
from paper.registry import Listing

REDEEMED_AFTER_MS = 3_000  # after the resolution, and not before the market's trades are final


@dataclass(frozen=True, slots=True)
class Redemption:
    """One wallet's tokens of one outcome turned into pUSD; micros, time in ms."""

    wallet: str
    condition_id: str
    token_id: str
    outcome: str
    size: int
    payout: int
    at: int
    transaction_hash: str


@dataclass(frozen=True, slots=True)
class Burn:
    """How much of a token is given back."""

    token_id: str
    size: int


def everybody(account: str) -> bool:
    """Choose every holder."""
    del account
    return True


def redeem(
    ledger: Ledger, listing: Listing, now: int, chosen: Callable[[str], bool] = everybody
) -> list[Redemption]:
    """Burn every token of a resolved market that a chosen holder has, and pay for it.

    Tokens in flight are of trades that are not final, so that nothing may be in flight.
    """
    market = listing.market
    return [
        burn(ledger, listing, account, Burn(token_id, size), (now, _name(listing, account)))
        for token_id in market.token_ids
        for account, size in ledger.holders(token_id)
        if chosen(account)
    ]


def burn(
    ledger: Ledger, listing: Listing, account: str, given: Burn, done: tuple[int, str]
) -> Redemption:
    """Give an account's tokens back to the mint and pay for them, rounded down to a micro.

    `done` is when, in ms, and by which transaction.
    """
    market = listing.market
    assert market.payouts is not None, market.condition_id
    outcome = market.token_ids.index(given.token_id)
    payout = notional(given.size, market.payouts[outcome])
    ledger.move(Leg(account, MINT, given.token_id, given.size))
    ledger.move(Leg(MINT, account, CASH, payout))
    at, transaction_hash = done
    return Redemption(
        wallet=account,
        condition_id=market.condition_id,
        token_id=given.token_id,
        outcome=market.outcomes[outcome],
        size=given.size,
        payout=payout,
        at=at,
        transaction_hash=transaction_hash,
    )


def _name(listing: Listing, account: str) -> str:
    return hash_text("redemption", listing.market.condition_id, account)
