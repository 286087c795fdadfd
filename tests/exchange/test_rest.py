"""Requests are sent once, private ones signed over their exact bytes, and every answer is typed."""

from decimal import Decimal

import pytest
from py_clob_client_v2.signing.hmac import build_hmac_signature
from pydantic import SecretStr

from exchange.polymarket.rest import (
    ApiCredentials,
    ApiUser,
    HttpRequest,
    PrivateRest,
    Rest,
    l2_headers,
    write_body,
)
from exchange.port import PermanentError, UnavailableError, WireError
from tests.exchange.fake_venue import HANG, RESET, Asked, FakeHttp, serving
from tests.exchange.samples import AT, CREDENTIALS, account

USER = account().user


async def test_json_is_fetched_with_flat_repeated_parameters() -> None:
    fake = FakeHttp({"/book": {"a": 1}})
    async with serving(fake) as access:
        rest = Rest(access, access.endpoints.clob + "/")
        assert await rest.fetch("/book", ("token_id", "7")) == {"a": 1}
    assert fake.asked[0].query == {"token_id": "7"}


async def test_nothing_found_is_none() -> None:
    async with serving(FakeHttp()) as access:
        assert await Rest(access, access.endpoints.clob).fetch("/book") is None


async def test_a_public_refusal_is_asked_again() -> None:
    async with serving(FakeHttp({"/x": {"error": "Invalid token id"}}, {"/x": 400})) as access:
        with pytest.raises(UnavailableError, match="Invalid token id"):
            await Rest(access, access.endpoints.clob).fetch("/x")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, PermanentError),
        (401, PermanentError),
        (403, PermanentError),
        (302, UnavailableError),
        (408, UnavailableError),
        (425, UnavailableError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_other_answers_say_whether_to_ask_again(status: int, error: type[Exception]) -> None:
    fake = FakeHttp({"/x": {"error": "the venue's words"}}, {"/x": status})
    async with serving(fake) as access:
        with pytest.raises(error, match=f"HTTP {status} the venue's words"):
            await PrivateRest(access, USER).fetch("/x")


@pytest.mark.parametrize("answer", [HANG, RESET])
async def test_no_answer_is_unavailable(answer: object) -> None:
    async with serving(FakeHttp({"/x": answer})) as access:
        rest = Rest(access, access.endpoints.clob)
        with pytest.raises(UnavailableError, match="GET /x"):
            await rest.send(HttpRequest("GET", "/x", timeout_s=1))


async def test_a_garbled_answer_is_a_wire_error() -> None:
    async with serving(FakeHttp({"/x": "<html>"})) as access:
        with pytest.raises(WireError, match="expected JSON"):
            await Rest(access, access.endpoints.clob).fetch("/x")


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async with serving(FakeHttp({"/x": " " * (17 * 1024 * 1024)})) as access:
        with pytest.raises(WireError, match="bytes at most"):
            await Rest(access, access.endpoints.clob).fetch("/x")


@pytest.mark.parametrize(
    ("header", "expected"), [("7", 7), ("1.5", Decimal("1.5")), ("Wed, 21 Oct", None), ("-1", None)]
)
async def test_the_pause_that_is_asked_for_is_read(header: str, expected: Decimal | None) -> None:
    fake = FakeHttp({"/x": {}}, {"/x": 429}, {"/x": {"Retry-After": header}})
    async with serving(fake) as access:
        answer = await Rest(access, access.endpoints.clob).send(HttpRequest("GET", "/x"))
    assert answer.retry_after_s == expected


async def test_a_private_request_is_signed_over_time_method_path_and_exact_body() -> None:
    fake = FakeHttp({"/orders": {}})
    body = write_body({"a": [1, "ü"]})
    async with serving(fake) as access:
        rest = PrivateRest(access, USER)
        await rest.send(HttpRequest("DELETE", "/orders", (("q", "1"),), body))
    asked = fake.asked[0]
    assert asked.body == body == '{"a":[1,"ü"]}'
    expected = build_hmac_signature(
        CREDENTIALS.secret.get_secret_value(),
        str(int(AT.timestamp())),
        "DELETE",
        "/orders",
        body,
    )
    assert asked.headers["POLY_SIGNATURE"] == expected
    assert asked.headers["POLY_TIMESTAMP"] == str(int(AT.timestamp()))
    assert asked.headers["POLY_ADDRESS"].lower() == USER.address != asked.headers["POLY_ADDRESS"]
    assert asked.headers["POLY_API_KEY"] == "key-1"
    assert asked.headers["POLY_PASSPHRASE"] == "pass-phrase-1"


def test_a_broken_secret_is_refused_without_being_repeated() -> None:
    broken = ApiCredentials("key-1", SecretStr("abcde"), SecretStr("p"))
    with pytest.raises(PermanentError, match="base64") as caught:
        l2_headers(ApiUser(USER.address, broken), HttpRequest("GET", "/x"), 0)
    assert "abcde" not in str(caught.value)


def test_credentials_do_not_show_their_secrets() -> None:
    assert "c2Vj" not in repr(USER)
    assert "pass-phrase" not in repr(USER)


async def test_a_listing_is_read_page_by_page_to_its_end() -> None:
    def page(asked: Asked) -> object:
        cursors = {"MA==": "MQ==", "MQ==": "LTE="}
        cursor = asked.query["next_cursor"]
        return {"data": [cursor], "next_cursor": cursors[cursor]}

    async with serving(FakeHttp({"/data/orders": page})) as access:
        rows = await PrivateRest(access, USER).fetch_pages("/data/orders", ("market", "m"))
    assert rows == ["MA==", "MQ=="]


async def test_a_listing_that_turns_in_circles_ends() -> None:
    fake = FakeHttp({"/data/orders": {"data": [1], "next_cursor": "MA=="}})
    async with serving(fake) as access:
        assert await PrivateRest(access, USER).fetch_pages("/data/orders") == [1]


async def test_a_listing_that_never_ends_is_given_up() -> None:
    def page(asked: Asked) -> object:
        return {"data": [], "next_cursor": asked.query["next_cursor"] + "x"}

    async with serving(FakeHttp({"/data/orders": page})) as access:
        with pytest.raises(UnavailableError, match="more than 200 pages"):
            await PrivateRest(access, USER).fetch_pages("/data/orders")
