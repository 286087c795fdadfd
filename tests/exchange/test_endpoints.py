"""The venue's addresses, and how its two ledgers' tokens are told apart."""

import pytest
from polymarket._internal.protocol import is_v2_position_id
from polymarket.environments import PRODUCTION as SDK

from exchange.polymarket.endpoints import PRODUCTION, VenueEndpoints, is_position_id
from tests.exchange.samples import NO, POSITION_NO, POSITION_YES, YES


def test_production_is_the_default_and_the_public_clients_addresses() -> None:
    config = SDK._config
    assert VenueEndpoints() == PRODUCTION
    assert (PRODUCTION.clob, PRODUCTION.gamma, PRODUCTION.data, PRODUCTION.rtds) == (
        config.clob_url,
        config.gamma_url,
        config.data_url,
        config.rtds_ws_url,
    )
    assert (PRODUCTION.ws_market, PRODUCTION.ws_user) == (
        config.clob_market_ws_url,
        config.clob_user_ws_url,
    )


@pytest.mark.parametrize(
    ("clob", "is_production"),
    [
        ("https://clob.polymarket.com", True),
        ("https://CLOB.Polymarket.com:443/x", True),
        ("https://polymarket.com", True),
        ("http://127.0.0.1:8000", False),
        ("https://notpolymarket.com", False),
        ("", False),
    ],
)
def test_production_is_known_by_its_host(clob: str, *, is_production: bool) -> None:
    assert VenueEndpoints(clob=clob).is_production is is_production


@pytest.mark.parametrize("token_id", [YES, NO, POSITION_YES, POSITION_NO, "0", "5"])
def test_positions_are_known_by_their_zero_bits(token_id: str) -> None:
    assert is_position_id(token_id) is is_v2_position_id(token_id)
    assert not is_position_id("no number")
