"""Tests of the made-up wallets."""

import pytest

from paper.tapes.cast import CAST, Character, Style, make_wallet

ENDS_AT = 1_790_000_000_000
DAY_MS = 86_400_000


@pytest.mark.parametrize("character", CAST, ids=lambda c: c.name)
def test_a_wallets_past_is_as_long_as_its_character_says(character: Character) -> None:
    wallet = make_wallet(character, ENDS_AT, seed=1)
    assert len(wallet.history) == character.trades
    first = min(trade.opened_at for trade in wallet.history)
    assert ENDS_AT - character.days * DAY_MS <= first < ENDS_AT
    assert all(t.opened_at < t.closed_at < ENDS_AT for t in wallet.history)
    closed = [t.closed_at for t in wallet.history]
    assert closed == sorted(closed)
    assert all(-t.notional <= t.pnl != 0 for t in wallet.history)
    won = sum(t.pnl > 0 for t in wallet.history)
    assert won == round(character.trades * character.win_share)


def test_the_same_seed_gives_the_same_past_and_another_seed_another() -> None:
    one, again, other = (make_wallet(CAST[0], ENDS_AT, seed) for seed in (1, 1, 2))
    assert one == again
    assert one.address == other.address
    assert one.history != other.history


def test_addresses_are_checksummed_and_differ() -> None:
    addresses = {make_wallet(character, ENDS_AT, 1).address for character in CAST}
    assert len(addresses) == len(CAST)
    assert all(a.startswith("0x") and len(a) == 42 and a != a.lower() for a in addresses)


def test_a_gain_is_part_of_the_price_and_fees_make_a_whole_loss() -> None:
    sure = Character("sure", "skilful", Style.TAKER, 1, 1.0, 90, 90)
    lost = Character("lost", "bad", Style.TAKER, 0, 0.0, 90, 90)
    gains = [t.pnl / t.notional for t in make_wallet(sure, ENDS_AT, 1).history]
    losses = [t.pnl / t.notional for t in make_wallet(lost, ENDS_AT, 1).history]
    assert all(0 < gain < 1.5 for gain in gains)
    assert min(losses) == -1
    assert all(-1 <= loss < 0 for loss in losses)


def test_wallets_spread_over_categories() -> None:
    wallet = make_wallet(CAST[0], ENDS_AT, 1)
    assert len({trade.category for trade in wallet.history}) == 7
