"""V1 orders are those of py-clob-client, and are never sent to production."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from exchange.polymarket.contracts import EXCHANGE_V1, NEG_RISK_EXCHANGE_V1
from exchange.polymarket.endpoints import VenueEndpoints
from exchange.polymarket.rest import write_body
from exchange.polymarket.signing import PostTerms
from exchange.polymarket.v1 import LocalV1Signer, OrderFormV1, V1Terms, v1_gateway
from exchange.port import PermanentError
from tests.exchange.fake_venue import FakeHttp, serving
from tests.exchange.samples import KEY, account, draft, intent, market
from tests.exchange.test_client import gateway
from tests.paper.posted_orders import Asked, body_v1
from trading.types import OrderType, Protocol, Side, SignatureType

TERMS = V1Terms(fee_rate_bps=1000)


@pytest.mark.parametrize("neg_risk", [False, True])
@pytest.mark.parametrize("side", list(Side))
async def test_body_hash_and_signature_are_those_of_the_library(
    side: Side, *, neg_risk: bool
) -> None:
    fake = FakeHttp({"/order": {"orderID": "", "errorMsg": "x"}})
    async with serving(fake) as access:
        v1 = v1_gateway(access, account(), KEY, TERMS)
        prepared = v1.prepare(draft(market(neg_risk=neg_risk), side))
        await v1.post_order(intent(prepared))
    order = prepared.unsigned
    assert order.protocol is Protocol.V1
    exchange = NEG_RISK_EXCHANGE_V1 if neg_risk else EXCHANGE_V1
    asked = Asked(
        token_id=order.token_id,
        side=side.value,
        maker_amount=order.maker_amount,
        taker_amount=order.taker_amount,
        exchange=exchange,
        salt=order.salt,
        order_type="FAK",
    )
    body, order_id = body_v1(KEY.get_secret_value(), "key-1", asked)
    assert prepared.order_hash == order_id
    assert fake.asked[0].body == write_body(body)


async def test_production_is_refused_with_its_reason() -> None:
    async with serving(FakeHttp()) as access:
        production = replace(access, endpoints=VenueEndpoints())
        with pytest.raises(PermanentError, match="since 2026-04-28"):
            v1_gateway(production, account(), KEY, TERMS)


async def test_deposit_wallets_are_refused() -> None:
    async with serving(FakeHttp()) as access:
        with pytest.raises(PermanentError, match="got 3"):
            v1_gateway(access, account(SignatureType.POLY_1271), KEY, TERMS)


def test_a_signer_shows_nothing_of_its_key() -> None:
    signer = LocalV1Signer(KEY, TERMS)
    assert KEY.get_secret_value()[2:] not in repr(signer)
    with pytest.raises(ValueError, match="expected a private key"):
        LocalV1Signer(SecretStr("words"), TERMS)


def test_the_fee_rate_is_part_of_the_hash() -> None:
    form = OrderFormV1(TERMS)
    order = replace(gateway().prepare(draft()).unsigned, protocol=form.protocol_of(market()))
    assert form.hash_order(order) != OrderFormV1(V1Terms()).hash_order(order)
    body = form.write_post(order, "0x", PostTerms("key-1", OrderType.GTC))
    assert sorted(body) == ["order", "orderType", "owner", "postOnly"]
