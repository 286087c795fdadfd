"""Only who knows the token decodes, from a page of Temporal's UI or a program, and it is noted."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from google.protobuf.json_format import MessageToDict, ParseDict
from structlog.testing import capture_logs
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from codec import SealedCodec
from codec_desk import BODY_BYTES_MAX, Visitors, build_desk, origins_of
from codec_keys import KeyRing, add_key
from exchange.secret import Secret

UI = "http://127.0.0.1:8233"
TOKEN = "a-token-of-the-codec-server"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"canary"')
BEARER = {"Authorization": f"Bearer {TOKEN}"}
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def codec(tmp_path: Path) -> SealedCodec:
    add_key(tmp_path / "keys", datetime(2026, 11, 22, tzinfo=UTC))
    return SealedCodec(KeyRing(tmp_path / "keys"), "default")


@pytest.fixture
async def client(codec: SealedCodec) -> AsyncIterator[Client]:
    app = build_desk(codec, Visitors(Secret(TOKEN), origins_of(UI), "default"))
    async with TestClient(TestServer(app)) as client:
        yield client


async def sealed(codec: SealedCodec) -> Payload:
    (payload,) = await codec.with_context(WorkflowSerializationContext("default", "copy-1")).encode(
        [PLAIN]
    )
    return payload


def body(*payloads: Payload) -> Mapping[str, object]:
    found: Mapping[str, object] = MessageToDict(Payloads(payloads=payloads))
    return found


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/decode", BEARER),
        (f"/{TOKEN}/decode", {}),
        (f"/{TOKEN}/decode", {"Origin": UI, "X-Namespace": "default"}),
        (f"/{TOKEN}/decode", {"Origin": "http://localhost:8233"}),
    ],
)
async def test_who_knows_the_token_reads_and_it_is_noted(
    client: Client, codec: SealedCodec, path: str, headers: Mapping[str, str]
) -> None:
    with capture_logs() as told:
        asked = body(await sealed(codec), PLAIN)
        async with client.post(path, json=asked, headers=headers) as answer:
            assert answer.status == 200
            found = ParseDict(await answer.json(), Payloads())
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers.get("Access-Control-Allow-Origin") == headers.get("Origin")
    assert list(found.payloads) == [PLAIN, PLAIN]
    (noted,) = [line for line in told if line["event"] == "payloads_decoded"]
    assert noted["count"] == 2
    assert "copy-1" in noted["workflows"]
    assert TOKEN not in json.dumps(told)
    assert "canary" not in json.dumps(told)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/decode", {}, 401),
        ("/decode", {"Authorization": "Bearer wrong"}, 401),
        ("/decode", {"Authorization": f"Basic {TOKEN}"}, 401),
        ("/decode", {"Origin": UI}, 401),
        ("/wrong/decode", {}, 401),
        (f"/{TOKEN}/decode", {"Authorization": "Bearer wrong"}, 401),
        ("/decode", {**BEARER, "Origin": "http://evil.example"}, 403),
        ("/decode", {**BEARER, "Origin": "null"}, 403),
        ("/decode", {**BEARER, "Origin": "http://127.0.0.1:8234"}, 403),
        ("/decode", {**BEARER, "Host": "evil.example"}, 421),
        ("/decode", {**BEARER, "Host": "127.0.0.1.evil.example:80"}, 421),
        ("/decode", {**BEARER, "X-Namespace": "other"}, 403),
        ("/encode", BEARER, 404),
        (f"/{TOKEN}/encode", BEARER, 404),
    ],
)
async def test_nobody_else_reads_anything(
    client: Client, codec: SealedCodec, path: str, headers: Mapping[str, str], status: int
) -> None:
    with capture_logs() as told:
        asked = body(await sealed(codec))
        async with client.post(path, json=asked, headers=headers) as answer:
            assert answer.status == status
            assert "canary" not in await answer.text()
            if headers.get("Origin") != UI:
                assert "Access-Control-Allow-Origin" not in answer.headers
    assert [line["event"] for line in told] == ["decoding_refused"]
    assert TOKEN not in json.dumps(told)


async def test_a_get_decodes_nothing(client: Client) -> None:
    async with client.get("/decode", headers=BEARER) as answer:
        assert answer.status == 405
    async with client.get("/readyz") as answer:
        assert await answer.json() == {"ok": True}


async def test_a_browser_may_ask_first_from_the_ui_only(client: Client) -> None:
    for origin, status in ((UI, 204), ("http://evil.example", 403)):
        async with client.options("/decode", headers={"Origin": origin}) as answer:
            assert answer.status == status
            assert answer.headers.get("Access-Control-Allow-Origin") == (
                UI if origin == UI else None
            )


@pytest.mark.parametrize("text", ["", "3", "{", '{"payloads": 3}', '{"other": []}', "\x00"])
async def test_what_is_no_list_of_payloads_is_refused(client: Client, text: str) -> None:
    async with client.post("/decode", data=text, headers=BEARER) as answer:
        assert answer.status == 400


async def test_too_much_is_refused(client: Client) -> None:
    large = BytesIO(b"x" * (BODY_BYTES_MAX + 1))
    async with client.post("/decode", data=large, headers=BEARER) as answer:
        assert answer.status == 413


async def test_what_cannot_be_decoded_is_shown_as_it_came(
    client: Client, codec: SealedCodec
) -> None:
    broken = await sealed(codec)
    broken.data = broken.data[:-1]
    asked = body(broken, await sealed(codec))
    async with client.post("/decode", json=asked, headers=BEARER) as answer:
        found = ParseDict(await answer.json(), Payloads())
    assert list(found.payloads) == [broken, PLAIN]


async def test_keys_that_went_away_are_told_of_in_the_log_and_not_by_a_failure(
    client: Client, tmp_path: Path
) -> None:
    add_key(tmp_path / "others", datetime(2026, 11, 23, tzinfo=UTC))
    stranger = await sealed(SealedCodec(KeyRing(tmp_path / "others"), "default"))
    (tmp_path / "keys").unlink()
    with capture_logs() as logs:
        async with client.post("/decode", json=body(stranger), headers=BEARER) as answer:
            assert answer.status == 200
            assert list(ParseDict(await answer.json(), Payloads()).payloads) == [stranger]
    assert any("cannot be read" in str(line.get("why")) for line in logs)


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("", set()),
        (UI, {UI, "http://localhost:8233"}),
        ("https://temporal.example", {"https://temporal.example"}),
    ],
)
def test_a_page_has_its_own_origins(url: str, origins: set[str]) -> None:
    assert origins_of(url) == origins
