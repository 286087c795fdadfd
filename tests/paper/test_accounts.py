"""Tests of whose wallet is whose."""

import pytest

from paper.accounts import Accounts
from paper.auth import KeyRing
from paper.wallets import wallet_of, wallets_of
from tests.paper.posted_orders import address_of, key_number
from tests.paper.still_venue import KeyBox, StillVenue
from tests.paper.test_heartbeats import resting_order

ANNA, BERT = address_of(key_number(1)), address_of(key_number(2))
NOBODYS = "0x00000000000000000000000000000000DeaDBeef"


def accounts_of(
    venue: StillVenue, store: KeyBox | None = None, *, deposit_wallets_only: bool = False
) -> Accounts:
    keys = KeyRing(store or KeyBox())
    return Accounts(venue, keys, deposit_wallets_only=deposit_wallets_only)


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
def test_who_logged_in_controls_every_wallet_derived_from_it(signature_type: int) -> None:
    accounts = accounts_of(StillVenue())
    accounts.welcome(ANNA)
    for wallet in wallets_of(ANNA, signature_type):
        assert accounts.is_controlled(wallet, ANNA)
        assert not accounts.is_controlled(wallet, BERT)


def test_only_the_plain_wallet_is_opened_at_a_login() -> None:
    venue = StillVenue()
    accounts_of(venue).welcome(ANNA)
    assert set(venue.cash) == {ANNA}


def test_the_deposit_wallet_is_opened_where_plain_ones_are_shut_out() -> None:
    venue = StillVenue()
    accounts_of(venue, deposit_wallets_only=True).welcome(ANNA)
    assert set(venue.cash) == {wallet_of(ANNA, 3)}


def test_a_wallet_of_nobody_goes_to_the_first_who_claims_it() -> None:
    venue = StillVenue()
    accounts = accounts_of(venue)
    assert accounts.is_controlled(NOBODYS, ANNA)
    accounts.claim(NOBODYS, ANNA, 3)
    assert not accounts.is_controlled(NOBODYS, BERT)
    assert accounts.trading_wallet(ANNA, 3) == NOBODYS
    assert accounts.trading_wallet(ANNA, 2) == wallet_of(ANNA, 2)
    assert set(venue.cash) == {NOBODYS, wallet_of(ANNA, 2)}


def test_the_orders_of_a_known_key_tell_whose_wallet_it_was() -> None:
    venue, store = StillVenue(), KeyBox()
    key = KeyRing(store).create(ANNA, 0)
    resting_order(venue, "a", key.key)
    resting_order(venue, "b", "a key that was deleted")
    accounts = accounts_of(venue, store)
    assert not accounts.is_controlled("0x1", BERT)
    assert accounts.trading_wallet(ANNA, 0) == "0x1"
