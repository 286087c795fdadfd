from eth_utils.address import is_checksum_address
from polymarket._internal.environment import PRODUCTION_CONFIG

from paper import contracts


def test_addresses_are_those_of_the_official_client() -> None:
    ours = {
        value.lower()
        for name, value in vars(contracts).items()
        if name.isupper() and isinstance(value, str)
    }
    theirs = {
        PRODUCTION_CONFIG.collateral_token,
        PRODUCTION_CONFIG.conditional_tokens,
        PRODUCTION_CONFIG.position_manager,
        PRODUCTION_CONFIG.standard_exchange,
        PRODUCTION_CONFIG.neg_risk_exchange,
        PRODUCTION_CONFIG.exchange_v3,
        PRODUCTION_CONFIG.collateral_adapter,
        PRODUCTION_CONFIG.neg_risk_collateral_adapter,
        PRODUCTION_CONFIG.protocol_v2_router,
        PRODUCTION_CONFIG.perps_deposit_contract,
        PRODUCTION_CONFIG.auto_redeem_operator,
        PRODUCTION_CONFIG.binary_module,
        PRODUCTION_CONFIG.neg_risk_module,
    }
    assert {address.lower() for address in theirs} <= ours


def test_lists_are_made_of_addresses() -> None:
    for listed in (contracts.COLLATERAL_SPENDERS, contracts.CONDITIONAL_OPERATORS):
        assert all(is_checksum_address(address) for address in listed)
