"""Pays the winners of resolved markets and burns all tokens, as the platform does by itself."""

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


def redeem(ledger: Ledger, listing: Listing, now: int) -> list[Redemption]:
    """Burn every token of a resolved market and pay its holder, rounded down to a micro.

    Tokens in flight are of trades that are not final, so that nothing may be in flight.
    """
    payouts = listing.market.payouts
    assert payouts is not None, listing.market.condition_id
    return [
        _redeem_one(ledger, listing, outcome, holding, now)
        for outcome, token_id in enumerate(listing.market.token_ids)
        for holding in ledger.holders(token_id)
    ]


def _redeem_one(
    ledger: Ledger, listing: Listing, outcome: int, holding: tuple[str, int], now: int
) -> Redemption:
    wallet, size = holding
    market = listing.market
    assert market.payouts is not None
    token_id = market.token_ids[outcome]
    payout = notional(size, market.payouts[outcome])
    ledger.move(Leg(wallet, MINT, token_id, size))
    ledger.move(Leg(MINT, wallet, CASH, payout))
    return Redemption(
        wallet=wallet,
        condition_id=market.condition_id,
        token_id=token_id,
        outcome=market.outcomes[outcome],
        size=size,
        payout=payout,
        at=now,
        transaction_hash=hash_text("redemption", market.condition_id, wallet),
    )
