"""Tests of how resolved markets are paid out."""

from dataclasses import replace

from paper.ledger import BANK, CASH, MINT, Ledger, Leg
from paper.redemption import redeem
from paper.registry import Listing
from tests.paper.engine_room import ANNA, BERT, NO, START, YES, a_market


def a_ledger() -> Ledger:
    ledger = Ledger()
    ledger.move(Leg(BANK, MINT, CASH, 101))
    ledger.move(Leg(MINT, ANNA, YES, 101))
    ledger.move(Leg(MINT, BERT, NO, 101))
    return ledger


def resolved(first: int) -> Listing:
    return Listing(a_market(closed=True, payouts=(first, 1_000_000 - first)), "play")


def test_winners_are_paid_and_all_tokens_burned() -> None:
    ledger = a_ledger()
    redemptions = redeem(ledger, resolved(1_000_000), START)
    assert [(one.wallet, one.token_id, one.size, one.payout) for one in redemptions] == [
        (ANNA, YES, 101, 101),
        (BERT, NO, 101, 0),
    ]
    assert ledger.accounts() == {
        BANK: (-101, {}),
        MINT: (0, {}),
        ANNA: (101, {}),
        BERT: (0, {}),
    }
    assert redemptions[0].transaction_hash != redemptions[1].transaction_hash
    assert redemptions[0].at == START


def test_a_void_market_pays_half_rounded_down() -> None:
    ledger = a_ledger()
    payouts = [one.payout for one in redeem(ledger, resolved(500_000), START)]
    assert payouts == [50, 50]
    assert ledger.balance(MINT, CASH) == 1


def test_a_second_redemption_finds_nothing() -> None:
    ledger, listing = a_ledger(), resolved(0)
    redeem(ledger, listing, START)
    assert redeem(ledger, replace(listing), START) == []
