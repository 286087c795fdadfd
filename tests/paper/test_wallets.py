"""Tests of wallet derivation against the official client."""

import pytest
from polymarket._internal import wallet as client
from polymarket._internal.environment import PRODUCTION_CONFIG

from paper.wallets import wallet_of, wallets_of
from tests.paper.posted_orders import address_of, key_number

CONFIG = PRODUCTION_CONFIG.wallet_derivation


@pytest.mark.parametrize("number", [1, 2, 3, 255, 10**30])
def test_every_wallet_is_derived_as_the_official_client_does(number: int) -> None:
    owner = address_of(key_number(number))
    assert wallets_of(owner, 0) == (owner,)
    assert wallets_of(owner, 1) == (client.derive_proxy_wallet_address(owner, CONFIG),)
    assert wallets_of(owner, 2) == (client.derive_safe_wallet_address(owner, CONFIG),)
    assert wallets_of(owner, 3) == (
        client.derive_beacon_deposit_wallet_address(owner, CONFIG),
        client.derive_uups_deposit_wallet_address(owner, CONFIG),
    )


def test_the_current_deposit_wallet_is_the_beacon_kind() -> None:
    owner = address_of(key_number(5))
    assert wallet_of(owner, 3) == client.derive_beacon_deposit_wallet_address(owner, CONFIG)


def test_an_unknown_signature_type_has_no_wallet() -> None:
    with pytest.raises(ValueError, match="from 0 to 3, got 4"):
        wallets_of(address_of(key_number(5)), 4)
