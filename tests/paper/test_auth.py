"""Tests of logins, API keys and signed requests."""

import dataclasses
from collections.abc import AsyncIterator

import pytest

from paper.auth import FRESH_MS, INVALID_KEY, INVALID_LOGIN, KeyRing
from paper.model import OrderRefusedError
from tests.paper.client_desk import KEY, OWNER, SECOND_KEY, Desk, open_desk
from tests.paper.posted_orders import login_headers
from tests.paper.still_venue import START, KeyBox

AT = START // 1000


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_a_key_is_created_once_and_derived_ever_after(desk: Desk) -> None:
    headers = login_headers(KEY, at=AT)
    status, created = await desk.send("POST", "/auth/api-key", b"", headers)
    assert status == 200
    again = await desk.send("POST", "/auth/api-key", b"", headers)
    assert again == (400, {"error": "Could not create api key"})
    assert await desk.send("GET", "/auth/derive-api-key", b"", headers) == (200, created)
    assert set(created) == {"apiKey", "secret", "passphrase"}


async def test_a_first_login_is_given_the_bankroll_and_a_second_one_nothing(desk: Desk) -> None:
    await desk.log_in()
    desk.venue.cash[OWNER] = 5
    await desk.log_in(nonce=1)
    assert desk.venue.cash == {OWNER: 5}


async def test_keys_differ_by_wallet_and_by_nonce(desk: Desk) -> None:
    keys = [
        await desk.log_in(),
        await desk.log_in(nonce=1),
        await desk.log_in(SECOND_KEY),
    ]
    assert len({key.key for key in keys}) == 3
    listed = await desk.get("/auth/api-keys", keys[1])
    assert listed == (200, {"apiKeys": [keys[0].key, keys[1].key]})


async def test_a_deleted_key_opens_nothing_more(desk: Desk) -> None:
    client = await desk.log_in()
    assert await desk.ask("DELETE", "/auth/api-key", client) == (200, "OK")
    assert await desk.get("/auth/api-keys", client) == (401, {"error": INVALID_KEY})
    async with open_desk(store=desk.store) as after:
        assert (await after.get("/auth/api-keys", client))[0] == 401


async def test_keys_survive_a_restart_of_the_venue() -> None:
    store = KeyBox()
    async with open_desk(store=store) as before:
        client = await before.log_in()
    async with open_desk(store=store) as after:
        assert (await after.get("/auth/api-keys", client))[0] == 200


@pytest.mark.parametrize(
    "change",
    [
        {"POLY_ADDRESS": ""},
        {"POLY_ADDRESS": "0x" + "11" * 20},
        {"POLY_SIGNATURE": "0x12"},
        {"POLY_SIGNATURE": "not hex"},
        {"POLY_SIGNATURE": "0x" + "11" * 65},
        {"POLY_NONCE": "1"},
        {"POLY_NONCE": "-1"},
        {"POLY_NONCE": "1" * 100},
        {"POLY_TIMESTAMP": "yesterday"},
        {"POLY_TIMESTAMP": "²"},
    ],
)
async def test_a_login_that_does_not_fit_is_refused(desk: Desk, change: dict[str, str]) -> None:
    headers = {**login_headers(KEY, at=AT), **change}
    answer = await desk.send("POST", "/auth/api-key", b"", headers)
    assert answer == (401, {"error": INVALID_LOGIN})


async def test_a_login_without_headers_is_refused(desk: Desk) -> None:
    assert await desk.get("/auth/derive-api-key") == (401, {"error": INVALID_LOGIN})


@pytest.mark.parametrize("late_s", [-FRESH_MS // 1000 - 1, FRESH_MS // 1000 + 1])
async def test_an_old_or_early_request_is_refused(desk: Desk, late_s: int) -> None:
    client = await desk.log_in()
    headers = login_headers(KEY, at=AT + late_s)
    assert (await desk.send("POST", "/auth/api-key", b"", headers))[0] == 401
    headers = client.headers("GET", "/auth/api-keys", at=AT + late_s)
    answer = await desk.send("GET", "/auth/api-keys", b"", headers)
    assert answer == (401, {"error": INVALID_KEY})


async def test_a_request_of_this_minute_is_taken(desk: Desk) -> None:
    client = await desk.log_in()
    headers = client.headers("GET", "/auth/api-keys", at=AT - 59)
    assert (await desk.send("GET", "/auth/api-keys", b"", headers))[0] == 200


@pytest.mark.parametrize(
    "header",
    ["POLY_API_KEY", "POLY_PASSPHRASE", "POLY_TIMESTAMP", "POLY_SIGNATURE", "POLY_ADDRESS"],
)
async def test_a_request_with_one_wrong_header_is_refused(desk: Desk, header: str) -> None:
    client = await desk.log_in()
    good = client.headers("GET", "/auth/api-keys", at=AT)
    for wrong in ("", "é", "0x" + "22" * 20):
        answer = await desk.send("GET", "/auth/api-keys", b"", {**good, header: wrong})
        assert answer == (401, {"error": INVALID_KEY})


async def test_the_signature_covers_method_path_and_body(desk: Desk) -> None:
    client = await desk.log_in()
    for method, path, body in [
        ("GET", "/order", b'{"orderID":"a"}'),
        ("DELETE", "/orders", b'{"orderID":"a"}'),
        ("DELETE", "/order", b'{"orderID":"b"}'),
    ]:
        headers = client.headers(method, path, body, at=AT)
        answer = await desk.send("DELETE", "/order", b'{"orderID":"a"}', headers)
        assert answer == (401, {"error": INVALID_KEY})


async def test_the_signature_does_not_cover_the_query(desk: Desk) -> None:
    client = await desk.log_in()
    assert (await desk.get("/data/orders?next_cursor=MA==", client))[0] == 200


async def test_another_wallets_address_does_not_open_a_key(desk: Desk) -> None:
    client = await desk.log_in()
    thief = dataclasses.replace(client, address=(await desk.log_in(SECOND_KEY)).address)
    assert await desk.get("/auth/api-keys", thief) == (401, {"error": INVALID_KEY})


async def test_read_only_keys_are_made_listed_and_dropped(desk: Desk) -> None:
    client = await desk.log_in()
    _, made = await desk.ask("POST", "/auth/readonly-api-key", client)
    key = made["apiKey"]
    assert await desk.get("/auth/readonly-api-keys", client) == (200, [key])
    probe = f"/auth/validate-readonly-api-key?address={OWNER}&key={key}"
    assert await desk.get(probe) == (200, "OK")
    body = {"key": key}
    assert await desk.ask("DELETE", "/auth/readonly-api-key", client, body) == (200, True)
    assert await desk.ask("DELETE", "/auth/readonly-api-key", client, body) == (200, False)
    assert await desk.get(probe) == (401, {"error": INVALID_KEY})


async def test_the_account_is_open_for_business(desk: Desk) -> None:
    client = await desk.log_in()
    status = await desk.get("/auth/ban-status/closed-only", client)
    assert status == (200, {"closed_only": False})


def test_the_number_of_keys_is_limited() -> None:
    ring = KeyRing(KeyBox())
    for nonce in range(100):
        ring.create(OWNER, nonce)
        ring.create_readonly(OWNER)
    with pytest.raises(OrderRefusedError):
        ring.create(OWNER, 100)
    with pytest.raises(OrderRefusedError):
        ring.create_readonly(OWNER)


def test_keys_follow_from_the_servers_secret() -> None:
    kept = KeyBox()
    first = KeyRing(kept).create(OWNER, 0)
    kept.keys.clear()
    assert KeyRing(kept).create(OWNER, 0) == first
    assert KeyRing(KeyBox()).create(OWNER, 0).secret != first.secret
