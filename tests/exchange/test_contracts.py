"""The contracts that settle orders."""

from py_clob_client_v2.config import get_contract_config

from exchange.polymarket.contracts import CHAIN_ID, domain_version, exchange_of
from trading.types import Protocol


def test_exchanges_are_those_of_the_public_clients() -> None:
    config = get_contract_config(CHAIN_ID)
    expected = {
        (Protocol.V1, False): config.exchange,
        (Protocol.V1, True): config.neg_risk_exchange,
        (Protocol.CLOB_V2, False): config.exchange_v2,
        (Protocol.CLOB_V2, True): config.neg_risk_exchange_v2,
        (Protocol.PROTOCOL_V2, False): config.exchange_v3,
        (Protocol.PROTOCOL_V2, True): config.exchange_v3,
    }
    for (protocol, neg_risk), address in expected.items():
        assert exchange_of(protocol, neg_risk=neg_risk) == address.lower()


def test_each_generation_has_its_domain_version() -> None:
    assert [domain_version(protocol) for protocol in Protocol] == ["1", "2", "3"]
