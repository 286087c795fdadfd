"""What the signer answers, over records that the test writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from exchange.redeem_port import RedeemRequest
from exchange.redeem_text import write_request
from signer.desk import DeskParts, SigningDesk
from signer.facts import (
    OrderFacts,
    PastOrder,
    RecordsUnavailableError,
    RedemptionFacts,
)
from signer.frames import Document
from signer.key import HeldKey
from signer.policy import SignerAccount
from signer.settings import SignerLimits
from signer.tally import Tally
from tests.signer.orders import (
    ACCOUNT,
    BUILD,
    HELD_KEY,
    KEY,
    MARKET,
    NOW,
    entry,
    leaving,
    policy,
    resigned,
)
from tests.signer.test_redemptions import request
from trading.pretrade import Control
from trading.types import OrderHash, OrderState, SignatureType, TokenId, Usd, Wallet


@dataclass(slots=True)
class FakeRecords:
    """Orders by hash, and failures when wanted."""

    orders: dict[OrderHash, OrderFacts] = field(default_factory=dict)
    redemption: RedemptionFacts | None = None
    past: list[PastOrder] = field(default_factory=list)
    is_away: bool = False

    async def load_order(self, order_hash: OrderHash, now: datetime) -> OrderFacts | None:
        self._check()
        return self.orders.get(order_hash)

    async def load_redemption(self, wallet: Wallet) -> RedemptionFacts | None:
        self._check()
        return self.redemption

    async def list_sent(self, wallet: Wallet, since: datetime) -> Sequence[PastOrder]:
        self._check()
        return self.past

    def keep(self, *orders: OrderFacts) -> None:
        self.orders |= {order.order_hash: order for order in orders}

    def _check(self) -> None:
        if self.is_away:
            raise RecordsUnavailableError("away")


def desk_of(
    records: FakeRecords, limits: SignerLimits | None = None, late: timedelta = timedelta(0)
) -> SigningDesk:
    limits = limits or SignerLimits()
    return SigningDesk(
        DeskParts(records, HELD_KEY, policy(limits), Tally(limits)), lambda: NOW + late
    )


def sign(order: OrderFacts, **changes: object) -> Document:
    return {"ask": "sign", "order": order.order_hash, "epoch": 1, "build": BUILD, **changes}


def code_of(answer: Document) -> object:
    no = answer.get("no")
    assert isinstance(no, dict), answer
    return no["code"]


async def test_a_committed_order_is_signed_and_again_with_the_same_bytes() -> None:
    records, order = FakeRecords(), entry()
    records.keep(order)
    desk = desk_of(records, SignerLimits(orders_per_min=1))
    first, again = await desk.answer(sign(order)), await desk.answer(sign(order))
    assert first == again == {"ok": {"signature": await HELD_KEY.signer.sign_order(order.unsigned)}}
    other = resigned(entry("s2#1"), token_id=TokenId("5"))
    records.keep(other)
    assert code_of(await desk.answer(sign(other))) == Control.WRONG_TOKEN


async def test_what_is_not_committed_is_not_signed() -> None:
    assert code_of(await desk_of(FakeRecords()).answer(sign(entry()))) == Control.NOT_COMMITTED


async def test_no_more_leaves_than_the_limits_say_whatever_the_records_say() -> None:
    records = FakeRecords()
    orders = [entry(f"s{n}#1") for n in range(50)]
    records.keep(*orders)
    desk = desk_of(records, SignerLimits(repeats=0))
    answers = [await desk.answer(sign(order)) for order in orders]
    signed = [answer for answer in answers if "ok" in answer]
    assert len(signed) == 6
    assert code_of(answers[-1]) == Control.ORDERS_PER_MIN_TOKEN


async def test_a_new_signer_goes_on_counting_where_the_last_one_ended() -> None:
    order, sent = entry("s2#1"), entry("s1#1")
    past = PastOrder(
        sent.intent_id, sent.order_hash, None, sent.unsigned.token_id, True, Usd(Decimal(1)), NOW
    )
    records = FakeRecords(past=[past])
    records.keep(order, sent)
    desk = desk_of(records, SignerLimits(orders_per_min=1))
    assert code_of(await desk.answer(sign(order))) == Control.ORDERS_PER_MIN
    assert "ok" in await desk.answer(sign(sent))


async def test_records_that_are_away_put_it_off_and_sign_nothing() -> None:
    records, order = FakeRecords(is_away=True), entry()
    records.keep(order)
    desk = desk_of(records)
    assert await desk.answer(sign(order)) == {"later": "away"}
    records.is_away = False
    assert "ok" in await desk.answer(sign(order))


async def test_an_exit_is_bounded_by_what_is_held() -> None:
    records, order = FakeRecords(), leaving()
    assert order.position is not None
    more = replace(order, position=replace(order.position, settled_size=order.size - 1))  # type: ignore[arg-type]
    records.keep(more)
    desk = desk_of(records)
    assert code_of(await desk.answer(sign(order))) == Control.HELD
    records.keep(order)
    assert "ok" in await desk.answer(sign(order))
    matched = replace(more, state=OrderState.UNKNOWN, copies=1)
    records.keep(matched)
    assert "ok" in await desk.answer(sign(order)), "a copy of the same order fills once"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"ask": "key"},
        {"ask": "sign"},
        {"ask": "sign", "order": 5, "epoch": 1, "build": ""},
        {"ask": "sign", "order": "0x", "epoch": 1, "build": ""},
        {"ask": "sign", "order": "0x" + "0" * 64, "epoch": "1", "build": ""},
        {"ask": "attest", "timestamp_s": "x", "nonce": 0},
        {"ask": "redeem"},
    ],
)
async def test_what_is_no_request_is_refused(asked: Document) -> None:
    assert "bad" in await desk_of(FakeRecords()).answer(asked)


async def test_it_says_whom_it_signs_for_and_nothing_of_the_key() -> None:
    said = await desk_of(FakeRecords()).answer({"ask": "account"})
    assert said == {
        "ok": {
            "address": ACCOUNT.address,
            "funder": ACCOUNT.funder,
            "signature_type": 3,
            "build": BUILD,
            "session_ends_at": "",
        }
    }
    assert KEY.get_secret_value()[2:] not in str(said)


async def test_attestations_are_of_now_and_few() -> None:
    desk, at = desk_of(FakeRecords(), SignerLimits(attests_per_hour=1)), int(NOW.timestamp())

    async def attest(timestamp_s: int, nonce: int = 0) -> Document:
        return await desk.answer({"ask": "attest", "timestamp_s": timestamp_s, "nonce": nonce})

    assert code_of(await attest(at + 31)) == Control.ALTERED
    assert code_of(await attest(at, 1)) == Control.ALTERED
    signature = await HELD_KEY.signer.sign_attestation(at, 0)
    assert await attest(at) == {"ok": {"signature": signature}}
    assert code_of(await attest(at)) == Control.ATTESTS_PER_HOUR


def redeem(**changes: object) -> Document:
    return {
        "ask": "redeem",
        "condition_id": MARKET,
        "nonce": 1,
        "epoch": 1,
        "build": BUILD,
        **changes,
    }


def redemption(asked: RedeemRequest) -> RedemptionFacts:
    return RedemptionFacts(ACCOUNT.funder, MARKET, write_request(asked), 1, BUILD)


async def test_the_open_redemption_is_signed() -> None:
    desk = desk_of(FakeRecords(redemption=redemption(request())))
    answer = await desk.answer(redeem())
    said = answer["ok"]
    assert isinstance(said, dict)
    assert said["envelope"]["type"] == "WALLET"
    assert answer == await desk.answer(redeem())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"condition_id": "0x0"}, Control.NOT_COMMITTED),
        ({"epoch": 2}, Control.EPOCH),
        ({"build": "0"}, Control.EPOCH),
        ({"nonce": 2}, Control.ALTERED),
    ],
)
async def test_a_redemption_that_is_not_meant_is_refused(
    changes: dict[str, object], code: Control
) -> None:
    desk = desk_of(FakeRecords(redemption=redemption(request())))
    assert code_of(await desk.answer(redeem(**changes))) == code


async def test_redemptions_are_few_and_only_redeem() -> None:
    records = FakeRecords(redemption=redemption(replace(request(), gas_limit=10**9)))
    desk = desk_of(records, SignerLimits(redemptions_per_hour=0))
    assert code_of(await desk.answer(redeem())) == Control.REDEMPTION
    records.redemption = redemption(request())
    assert code_of(await desk.answer(redeem())) == Control.REDEMPTIONS_PER_HOUR


async def test_a_plain_key_signs_its_own_transaction() -> None:
    plain = SignerAccount(ACCOUNT.address, ACCOUNT.address, SignatureType.EOA)
    key = HeldKey(HELD_KEY.signer, KEY, plain)
    asked = replace(
        request(),
        wallet=plain.funder,
        signature_type=SignatureType.EOA,
        gas_limit=200_000,
        gas_price=10**9,
    )
    facts = RedemptionFacts(plain.funder, MARKET, write_request(asked), 1, "")
    parts = DeskParts(
        FakeRecords(redemption=facts), key, replace(policy(), account=plain), Tally(SignerLimits())
    )
    said = (await SigningDesk(parts, lambda: NOW).answer(redeem()))["ok"]
    assert isinstance(said, dict)
    assert set(said) == {"raw", "hash"}
