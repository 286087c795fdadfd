"""Our orders at the venue: exact when prepared, posted once, and every answer understood."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from exchange.polymarket.client import PolymarketGateway, TradingAccount
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.signing import LocalSigner, salt_of
from exchange.port import PermanentError, UnavailableError, WireError
from tests.exchange.fake_venue import HANG, RESET, FakeHttp, serving
from tests.exchange.samples import (
    AT,
    CONDITION,
    HASH,
    KEY,
    OTHER_HASH,
    POSITION_YES,
    THIRD_HASH,
    YES,
    account,
    clock,
    draft,
    intent,
    market,
    order_row,
    trade_row,
)
from trading.fees import worst_fee
from trading.types import (
    OrderHash,
    OrderState,
    OrderType,
    Price,
    Protocol,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Wallet,
)

SIGNER = LocalSigner(KEY)


def gateway(
    access: VenueAccess | None = None, signature_type: SignatureType = SignatureType.EOA
) -> PolymarketGateway:
    offline = VenueAccess(VenueEndpoints(), None, clock)  # type: ignore[arg-type]  # not used
    return PolymarketGateway(access or offline, account(signature_type), SIGNER)


def test_a_buy_is_prepared_down_to_the_cent_and_reserves_its_worst_fee() -> None:
    asked = replace(draft(), size=Shares(Decimal("20.019")), price=Price(Decimal("0.4399")))
    order = gateway().prepare(asked)
    assert (order.price, order.size) == (Decimal("0.43"), Decimal(20))
    assert (order.unsigned.maker_amount, order.unsigned.taker_amount) == (8_600_000, 20_000_000)
    fee = worst_fee(order.size, order.price, Side.BUY, market().fees)
    assert order.cost_max == Decimal("8.6") + fee


def test_a_sell_is_prepared_up_to_the_tick_and_reserves_nothing() -> None:
    asked = replace(draft(side=Side.SELL), price=Price(Decimal("0.431")))
    order = gateway().prepare(asked)
    assert order.price == Decimal("0.44")
    assert (order.unsigned.maker_amount, order.unsigned.taker_amount) == (20_000_000, 8_800_000)
    assert order.cost_max == 0


def test_salt_and_timestamp_are_pinned_to_the_draft() -> None:
    order = gateway().prepare(draft()).unsigned
    assert order.salt == salt_of(draft().intent_id)
    assert order.timestamp_ms == 1_795_348_800_123
    assert gateway().prepare(draft()) == gateway().prepare(draft())


@pytest.mark.parametrize("signature_type", [SignatureType.EOA, SignatureType.POLY_1271])
def test_maker_and_signer_follow_the_signature_type(signature_type: SignatureType) -> None:
    order = gateway(signature_type=signature_type).prepare(draft()).unsigned
    assert order.maker == order.signer == account(signature_type).funder
    assert order.signature_type is signature_type
    assert gateway(signature_type=signature_type).wallet == order.maker


def test_a_proxy_is_the_maker_and_its_key_the_signer() -> None:
    funder = Wallet("0x" + "5a" * 20)
    trader = TradingAccount(account().user, funder, SignatureType.POLY_PROXY)
    offline = VenueAccess(VenueEndpoints(), None, clock)  # type: ignore[arg-type]  # not used
    order = PolymarketGateway(offline, trader, SIGNER).prepare(draft()).unsigned
    assert (order.maker, order.signer) == (funder, SIGNER.address)


def test_a_plain_account_trades_its_own_money() -> None:
    with pytest.raises(ValueError, match="of type 0"):
        TradingAccount(account().user, Wallet("0x" + "5a" * 20), SignatureType.EOA)


def test_an_order_goes_to_the_exchange_of_its_market() -> None:
    markets = [market(), market(neg_risk=True), market(Protocol.PROTOCOL_V2)]
    orders = [gateway().prepare(draft(of)) for of in markets]
    assert len({order.order_hash for order in orders}) == 3
    assert [order.unsigned.protocol for order in orders] == [
        Protocol.CLOB_V2,
        Protocol.CLOB_V2,
        Protocol.PROTOCOL_V2,
    ]
    assert all(order.order_hash == order.order_hash.lower() for order in orders)


@pytest.mark.parametrize(
    "impossible",
    [
        replace(draft(), token_id=TokenId("5")),
        replace(draft(), order_type=OrderType.GTD),
        replace(draft(), size=Shares(Decimal("0.001"))),
        replace(draft(), price=Price(Decimal("0.001"))),
    ],
)
def test_an_impossible_order_is_refused(impossible: object) -> None:
    with pytest.raises(ValueError, match=r"expected|is not of market"):
        gateway().prepare(impossible)  # type: ignore[arg-type]  # parametrized as object


async def test_the_committed_bytes_are_posted_and_the_answer_is_read() -> None:
    prepared = gateway().prepare(draft())
    answer = {"orderID": prepared.order_hash, "status": "matched", "takingAmount": "20"}
    fake = FakeHttp({"/order": {**answer, "success": True, "errorMsg": ""}})
    async with serving(fake) as access:
        submit = await gateway(access).post_order(intent(prepared))
    assert (submit.http_status, submit.order_id) == (200, prepared.order_hash)
    assert (submit.status, submit.size_matched) == ("matched", Decimal(20))
    body = json.loads(fake.asked[0].body)
    assert (body["owner"], body["orderType"]) == ("key-1", "FAK")
    assert body["order"]["salt"] == prepared.unsigned.salt


@pytest.mark.parametrize("answer", [HANG, RESET, "garbled", "null"])
async def test_no_usable_answer_to_a_post_is_an_unknown_outcome(answer: object) -> None:
    async with serving(FakeHttp({"/order": answer})) as access:
        submit = await gateway(access).post_order(intent(gateway().prepare(draft())))
    assert submit.http_status is None
    assert submit.error


async def test_an_unreachable_venue_is_an_unknown_outcome_too() -> None:
    async with serving(FakeHttp()) as access:
        nowhere = replace(access, endpoints=VenueEndpoints(clob="http://127.0.0.1:1"))
        submit = await gateway(nowhere).post_order(intent(gateway().prepare(draft())))
    assert submit.http_status is None


async def test_a_refusal_is_passed_on_with_its_pause() -> None:
    fake = FakeHttp(
        {"/order": {"error": "Too Many Requests"}},
        {"/order": 429},
        {"/order": {"Retry-After": "3"}},
    )
    async with serving(fake) as access:
        submit = await gateway(access).post_order(intent(gateway().prepare(draft())))
    assert (submit.http_status, submit.error) == (429, "Too Many Requests")
    assert submit.retry_after_s == 3


async def test_an_order_that_is_not_what_its_hash_says_never_leaves() -> None:
    prepared = replace(gateway().prepare(draft()), order_hash=OrderHash(HASH))
    fake = FakeHttp({"/order": {}})
    async with serving(fake) as access:
        with pytest.raises(AssertionError, match="is not"):
            await gateway(access).post_order(intent(prepared))
        strange = gateway(signature_type=SignatureType.POLY_1271).prepare(draft())
        with pytest.raises(AssertionError, match="order of"):
            await gateway(access).post_order(intent(strange))
    assert not fake.asked


async def test_cancels_go_out_a_thousand_at_a_time() -> None:
    hashes = [OrderHash(f"0x{number:064x}") for number in range(1500)]
    fake = FakeHttp({"/orders": lambda asked: {"canceled": json.loads(asked.body)[:1]}})
    async with serving(fake) as access:
        report = await gateway(access).cancel_orders(hashes)
        assert (await gateway(access).cancel_orders([])).cancelled == ()
    assert [len(json.loads(asked.body)) for asked in fake.asked] == [1000, 500]
    assert report.cancelled == (hashes[0], hashes[1000])


async def test_a_cancel_that_finds_no_venue_is_an_error() -> None:
    async with serving(FakeHttp()) as access:
        with pytest.raises(UnavailableError, match="expected an answer"):
            await gateway(access).cancel_orders([OrderHash(HASH)])


async def test_an_order_is_asked_for_by_its_hash() -> None:
    path = f"/data/order/{HASH}"
    async with serving(FakeHttp({path: order_row(size_matched="3")})) as access:
        order = await gateway(access).fetch_order(OrderHash(HASH))
    assert order is not None
    assert (order.state, order.size_matched) == (OrderState.PARTIAL, Decimal(3))


@pytest.mark.parametrize("answers", [{}, {f"/data/order/{HASH}": "null"}])
async def test_an_order_that_the_venue_does_not_tell_is_none(answers: dict[str, object]) -> None:
    async with serving(FakeHttp(answers)) as access:
        assert await gateway(access).fetch_order(OrderHash(HASH)) is None


async def test_another_order_than_the_one_asked_for_is_refused() -> None:
    async with serving(FakeHttp({f"/data/order/{HASH}": order_row(id=OTHER_HASH)})) as access:
        with pytest.raises(WireError, match="expected order"):
            await gateway(access).fetch_order(OrderHash(HASH))


async def test_trades_are_asked_for_by_market_and_priced_by_its_fees() -> None:
    fake = FakeHttp(
        {
            "/data/trades": {"data": [trade_row(), trade_row(trader_side="MAKER")]},
            f"/clob-markets/{CONDITION}": {"fd": {"r": 0.05, "e": 1}},
        }
    )
    async with serving(fake) as access:
        (part,) = await gateway(access).fetch_trades(CONDITION, AT - timedelta(minutes=1))
    assert (part.order_hash, part.size, part.fee) == (HASH, Decimal(25), Decimal("0.3125"))
    query = fake.asked[0].query
    assert query == {"market": CONDITION, "after": "1795348739", "next_cursor": "MA=="}


async def test_without_trades_no_fees_are_asked_for() -> None:
    fake = FakeHttp({"/data/trades": {"data": [], "next_cursor": "LTE="}})
    async with serving(fake) as access:
        assert await gateway(access).fetch_trades(CONDITION, AT) == ()
    assert len(fake.asked) == 1


async def test_trades_of_a_market_without_known_fees_are_not_guessed_at() -> None:
    async with serving(FakeHttp({"/data/trades": {"data": [trade_row()]}})) as access:
        with pytest.raises(UnavailableError, match="fees of market"):
            await gateway(access).fetch_trades(CONDITION, AT)


async def test_a_prepared_market_needs_no_question_about_its_fees() -> None:
    fake = FakeHttp({"/data/trades": {"data": [trade_row()]}})
    async with serving(fake) as access:
        trader = gateway(access)
        trader.prepare(draft())
        assert len(await trader.fetch_trades(CONDITION, AT)) == 1


async def test_open_orders_are_listed_by_hash() -> None:
    rows = {"data": [order_row(), order_row(id=THIRD_HASH)], "next_cursor": "LTE="}
    async with serving(FakeHttp({"/data/orders": rows})) as access:
        assert await gateway(access).fetch_open_orders() == (HASH, THIRD_HASH)


@pytest.mark.parametrize("signature_type", [SignatureType.EOA, SignatureType.POLY_1271])
async def test_balances_are_asked_for_as_the_wallets_type(signature_type: SignatureType) -> None:
    fake = FakeHttp({"/balance-allowance": {"balance": "12500000", "allowances": {}}})
    async with serving(fake) as access:
        trader = gateway(access, signature_type)
        assert await trader.fetch_cash() == Decimal("12.5")
        assert await trader.fetch_shares(YES) == Decimal("12.5")
        assert await trader.fetch_shares(POSITION_YES) == Decimal("12.5")
    kind = str(int(signature_type))
    assert [asked.query for asked in fake.asked] == [
        {"asset_type": "COLLATERAL", "signature_type": kind},
        {"asset_type": "CONDITIONAL", "token_id": YES, "signature_type": kind},
        {"asset_type": "CONDITIONAL-V2", "token_id": POSITION_YES, "signature_type": kind},
    ]


async def test_a_revoked_key_is_a_permanent_error() -> None:
    fake = FakeHttp(
        {"/balance-allowance": {"error": "Unauthorized/Invalid api key"}},
        {"/balance-allowance": 401},
    )
    async with serving(fake) as access:
        with pytest.raises(PermanentError, match="Invalid api key"):
            await gateway(access).fetch_cash()
