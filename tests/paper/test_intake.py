"""Tests of what an order must show before the venue looks at it."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from paper.intake import NO_PLAIN_WALLETS, NOT_KEY_ADDRESS, NOT_KEY_OWNER
from paper.model import Dialect, VenueSettings
from paper.wallets import wallet_of, wallets_of
from paper.wire import INVALID_PAYLOAD, VERSION_MISMATCH
from tests.paper.client_desk import KEY, OWNER, SECOND_KEY, Desk, open_desk
from tests.paper.posted_orders import (
    V1,
    V2,
    V2_NEG_RISK,
    V3,
    Asked,
    Client,
    address_of,
    body_v2,
    signature_by_sdk,
)
from tests.paper.still_venue import TOKEN, TOKEN_NEG_RISK, TOKEN_V3

INVALID = (400, {"error": INVALID_PAYLOAD})
STRANGER_WALLET = "0x00000000000000000000000000000000DeaDBeef"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk) -> Client:
    return await desk.log_in()


MARKETS = [(TOKEN, V2, "2"), (TOKEN_NEG_RISK, V2_NEG_RISK, "2"), (TOKEN_V3, V3, "3")]


@pytest.mark.parametrize(("token_id", "exchange", "version"), MARKETS)
@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
async def test_every_wallet_type_may_order_in_every_kind_of_market(
    desk: Desk, client: Client, signature_type: int, token_id: str, exchange: str, version: str
) -> None:
    wallet = wallet_of(OWNER, signature_type)
    asked = Asked(
        token_id,
        signature_type=signature_type,
        maker=wallet,
        exchange=exchange,
        version=version,
        expiration="1795349999",
    )
    body, order_id = body_v2(KEY, client.key, asked)
    status, answer = await desk.ask("POST", "/order", client, body)
    assert (status, answer["orderID"]) == (200, order_id)
    order = desk.venue.records[order_id].order
    assert (order.maker, order.signature_type) == (wallet, signature_type)
    assert (order.expiration, order.timestamp) == (1_795_349_999, asked.timestamp)
    assert order.dialect is (Dialect.PROTOCOL_V2 if version == "3" else Dialect.CLOB_V2)
    assert desk.venue.cash[wallet] == 10_000_000_000


async def test_the_old_kind_of_deposit_wallet_is_its_owners_too(desk: Desk, client: Client) -> None:
    asked = Asked(TOKEN, signature_type=3, maker=wallets_of(OWNER, 3)[1])
    assert (await desk.post(client, asked))[0] == 200


async def test_a_market_signed_for_the_wrong_exchange_is_refused(
    desk: Desk, client: Client
) -> None:
    for token_id, exchange, version in [
        (TOKEN, V2_NEG_RISK, "2"),
        (TOKEN_NEG_RISK, V2, "2"),
        (TOKEN_V3, V2, "2"),
        (TOKEN, V3, "3"),
    ]:
        asked = Asked(token_id, exchange=exchange, version=version)
        assert await desk.post(client, asked) == INVALID
        asked = dataclasses.replace(asked, signature_type=3, maker=wallet_of(OWNER, 3))
        assert await desk.post(client, asked) == INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"salt": 5},
        {"tokenId": TOKEN_NEG_RISK},
        {"makerAmount": "1"},
        {"takerAmount": "1"},
        {"side": "SELL"},
        {"timestamp": "1"},
        {"metadata": "0x" + "01" * 32},
        {"builder": "0x" + "01" * 32},
        {"signature": "0x" + "01" * 65},
    ],
)
async def test_a_field_changed_after_signing_is_noticed(
    desk: Desk, client: Client, change: dict[str, object]
) -> None:
    body, _ = body_v2(KEY, client.key, Asked(TOKEN))
    body["order"].update(change)
    assert await desk.ask("POST", "/order", client, body) == INVALID
    assert not desk.venue.records


async def test_the_expiration_travels_unsigned(desk: Desk, client: Client) -> None:
    body, order_id = body_v2(KEY, client.key, Asked(TOKEN))
    body["order"]["expiration"] = "1795349999"
    status, answer = await desk.ask("POST", "/order", client, body)
    assert (status, answer["orderID"]) == (200, order_id)


async def test_somebody_elses_order_cannot_be_posted(desk: Desk, client: Client) -> None:
    asked = Asked(TOKEN)
    answer = await desk.post(client, asked, SECOND_KEY)
    assert answer == (400, {"error": NOT_KEY_ADDRESS})
    body, _ = body_v2(KEY, "0f5cf83c-somebody-else", asked)
    assert await desk.ask("POST", "/order", client, body) == (400, {"error": NOT_KEY_OWNER})


async def test_a_plain_wallet_signs_for_itself_only(desk: Desk, client: Client) -> None:
    asked = Asked(TOKEN, maker=wallet_of(OWNER, 3))
    assert await desk.post(client, asked) == INVALID


async def test_a_deposit_wallet_is_its_own_signer(desk: Desk, client: Client) -> None:
    asked = Asked(TOKEN, signature_type=3, maker=wallet_of(OWNER, 3), signer=OWNER)
    assert await desk.post(client, asked) == (400, {"error": NOT_KEY_ADDRESS})


@pytest.mark.parametrize("signature_type", [1, 2, 3])
async def test_another_owners_wallet_is_out_of_reach(
    desk: Desk, client: Client, signature_type: int
) -> None:
    await desk.log_in(SECOND_KEY)
    maker = wallet_of(address_of(SECOND_KEY), signature_type)
    asked = Asked(TOKEN, signature_type=signature_type, maker=maker)
    assert await desk.post(client, asked) == (400, {"error": NOT_KEY_ADDRESS})


@pytest.mark.parametrize("signature_type", [1, 2, 3])
async def test_a_wallet_of_nobody_becomes_the_first_signers_for_ever(signature_type: int) -> None:
    asked = Asked(TOKEN, signature_type=signature_type, maker=STRANGER_WALLET)
    async with open_desk() as before:
        client, second = await before.log_in(), await before.log_in(SECOND_KEY)
        assert (await before.post(client, asked))[0] == 200
        answer = await before.post(second, asked, SECOND_KEY)
        assert answer == (400, {"error": NOT_KEY_ADDRESS})
    async with open_desk(venue=before.venue, store=before.store) as after:
        answer = await after.post(second, asked, SECOND_KEY)
        assert answer == (400, {"error": NOT_KEY_ADDRESS})
        path = f"/balance-allowance?asset_type=COLLATERAL&signature_type={signature_type}"
        after.venue.cash[STRANGER_WALLET] = 77
        assert (await after.get(path, client))[1]["balance"] == "77"


async def test_a_session_key_orders_for_the_wallet_it_first_names(
    desk: Desk, client: Client
) -> None:
    asked = Asked(TOKEN, signature_type=3, maker=STRANGER_WALLET, salt=99)
    body, order_id = body_v2(KEY, client.key, asked)
    body["order"]["signature"] = signature_by_sdk(KEY, asked, session_key=True)
    status, answer = await desk.ask("POST", "/order", client, body)
    assert (status, answer["orderID"]) == (200, order_id)


async def test_an_unknown_token_has_no_book(desk: Desk, client: Client) -> None:
    answer = await desk.post(client, Asked("123"))
    assert answer == (400, {"error": "the orderbook 123 does not exist"})


async def test_only_resting_orders_can_be_post_only(desk: Desk, client: Client) -> None:
    assert (await desk.post(client, Asked(TOKEN, order_type="GTC", post_only=True)))[0] == 200
    asked = Asked(TOKEN, order_type="FAK", post_only=True)
    assert await desk.post(client, asked) == INVALID


async def test_plain_wallets_can_be_shut_out() -> None:
    async with open_desk(VenueSettings(deposit_wallets_only=True)) as desk:
        client = await desk.log_in()
        assert list(desk.venue.cash) == [wallet_of(OWNER, 3)]
        assert await desk.post(client, Asked(TOKEN)) == (400, {"error": NO_PLAIN_WALLETS})
        asked = Asked(TOKEN, signature_type=3, maker=wallet_of(OWNER, 3))
        assert (await desk.post(client, asked))[0] == 200


async def test_an_order_of_the_first_exchange_has_the_wrong_version(
    desk: Desk, client: Client
) -> None:
    answer = await desk.post_v1(client, Asked(TOKEN, exchange=V1))
    assert answer == (400, {"error": VERSION_MISMATCH})


async def test_the_first_dialect_takes_its_own_orders_and_no_others() -> None:
    async with open_desk(VenueSettings(v1_dialect=True)) as desk:
        client = await desk.log_in()
        status, answer = await desk.post_v1(client, Asked(TOKEN, exchange=V1))
        assert status == 200
        assert desk.venue.records[answer["orderID"]].order.dialect is Dialect.V1
        assert await desk.post(client, Asked(TOKEN)) == (400, {"error": VERSION_MISMATCH})
        assert await desk.post_v1(client, Asked(TOKEN, exchange=V2)) == INVALID


MALFORMED: list[dict[str, Any]] = [
    {"salt": "5"},
    {"salt": 5.5},
    {"salt": -1},
    {"salt": True},
    {"salt": 1 << 256},
    {"maker": "0x12"},
    {"maker": 12},
    {"maker": OWNER[2:]},
    {"signer": None},
    {"tokenId": 12},
    {"tokenId": "-1"},
    {"tokenId": "0x12"},
    {"tokenId": "1" * 100},
    {"makerAmount": "0"},
    {"makerAmount": 5_000_000},
    {"makerAmount": "NaN"},
    {"makerAmount": "5.0"},
    {"takerAmount": ""},
    {"takerAmount": "\u0661"},
    {"side": "HOLD"},
    {"side": 0},
    {"signatureType": 4},
    {"signatureType": "0"},
    {"timestamp": 5},
    {"timestamp": None},
    {"metadata": "0x00"},
    {"builder": "zero"},
    {"signature": "0x123"},
    {"signature": 5},
    {"signature": "0x" + "00" * 5000},
    {"expiration": 0},
]


@pytest.mark.parametrize("change", MALFORMED, ids=str)
async def test_a_malformed_field_is_refused(
    desk: Desk, client: Client, change: dict[str, object]
) -> None:
    body, _ = body_v2(KEY, client.key, Asked(TOKEN))
    body["order"].update(change)
    assert await desk.ask("POST", "/order", client, body) == INVALID


@pytest.mark.parametrize(
    "change",
    [{"owner": 5}, {"orderType": "IOC"}, {"postOnly": "yes"}, {"order": []}, {"deferExec": 1}],
)
async def test_a_malformed_envelope_is_refused(
    desk: Desk, client: Client, change: dict[str, object]
) -> None:
    body, _ = body_v2(KEY, client.key, Asked(TOKEN))
    assert await desk.ask("POST", "/order", client, {**body, **change}) == INVALID


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"null", b'{"order":NaN}', b"\xff\xfe", b"[" * 100_000, b"9" * 9_000],
    ids=lambda body: repr(body[:9]),
)
async def test_a_body_that_is_no_order_is_refused(desk: Desk, client: Client, body: bytes) -> None:
    assert await desk.ask("POST", "/order", client, body) == INVALID


async def test_a_huge_body_is_refused(desk: Desk, client: Client) -> None:
    answer = await desk.ask("POST", "/order", client, b" " * (2 << 20))
    assert answer == (400, {"error": "request body too large"})
