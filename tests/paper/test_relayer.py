"""Tests of the relayer's routes; redemptions through it are in the client's own tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from paper.faults import Fault, FaultPlan, Point
from paper.model import VenueSettings
from paper.relayer import add_relayer_routes
from paper.rest import venue_errors
from paper.venue import Venue
from tests.paper.test_envelopes import OWNER, of_deposit_wallet, of_proxy, of_safe

Http = TestClient[web.Request, web.Application]
KEY = {"RELAYER_API_KEY": "a key", "RELAYER_API_KEY_ADDRESS": OWNER}
SUBMIT, PARAMS = "/relayer/submit", "/relayer/v1/account/transactions/params"


@asynccontextmanager
async def open_relayer(home: Path) -> AsyncIterator[tuple[Http, Venue]]:
    venue = Venue(None, VenueSettings(), home=home)
    app = web.Application(middlewares=[venue_errors])
    add_relayer_routes(app, venue, "/relayer")
    try:
        async with TestClient(TestServer(app)) as http:
            yield http, venue
    finally:
        venue.close()


async def post(http: Http, body: bytes, headers: dict[str, str] = KEY) -> tuple[int, Any]:
    response = await http.post(SUBMIT, data=body, headers=headers)
    return response.status, await response.json()


async def test_every_wallet_counts_as_deployed(tmp_path: Path) -> None:
    async with open_relayer(tmp_path) as (http, _):
        response = await http.get(f"/relayer/deployed?address={OWNER}&type=WALLET")
        assert await response.json() == {"deployed": True}
        response = await http.get("/relayer/deployed")
        assert (response.status, await response.json()) == (400, {"error": "address is required"})


async def test_what_it_does_not_do_is_refused_with_a_reason(tmp_path: Path) -> None:
    async with open_relayer(tmp_path) as (http, _):
        response = await http.post("/relayer/wallets", json={})
        assert response.status == 501
        assert "redemptions and nothing else" in (await response.json())["error"]
        assert (await http.get("/relayer/v1/account/transactions/nothing")).status == 404
        assert (await http.get(f"{PARAMS}?address={OWNER}&type=EOA")).status == 400


async def test_nonces_rise_by_kind_and_a_transaction_is_followed(tmp_path: Path) -> None:
    async with open_relayer(tmp_path) as (http, venue):
        for kind in ("WALLET", "SAFE"):
            response = await http.get(f"{PARAMS}?address={OWNER}&type={kind}")
            assert await response.json() == {"address": OWNER, "nonce": "0"}
        response = await http.get(f"/relayer/relay-payload?address={OWNER}&type=PROXY")
        assert (await response.json())["address"] != OWNER
        status, told = await post(http, of_deposit_wallet())
        assert (status, told) == (
            400,
            {"error": "batch nonce 4 does not match on-chain nonce 0"},
        )
        assert not venue.redemptions()


@pytest.mark.parametrize("body", [of_safe(many=False, nonce="9"), of_proxy(nonce="9"), b"{}"])
async def test_what_is_signed_wrongly_is_refused(tmp_path: Path, body: bytes) -> None:
    async with open_relayer(tmp_path) as (http, _):
        status, told = await post(http, body)
        assert status == 400
        assert "invalid" in told["error"]


async def test_a_key_is_needed_and_sends_for_its_owner_alone(tmp_path: Path) -> None:
    async with open_relayer(tmp_path) as (http, _):
        assert await post(http, of_deposit_wallet(), {}) == (
            401,
            {"error": "invalid authorization"},
        )
        other = {**KEY, "RELAYER_API_KEY_ADDRESS": "0x" + "11" * 20}
        status, told = await post(http, of_deposit_wallet(), other)
        assert (status, "sends nothing for" in told["error"]) == (400, True)
        status, _ = await post(http, of_deposit_wallet(), {"POLY_BUILDER_API_KEY": "a builder"})
        assert status == 400


async def test_requests_and_answers_may_be_lost(tmp_path: Path) -> None:
    async with open_relayer(tmp_path) as (http, venue):
        rules = [
            Fault(Point.RELAY, name, count=1)
            for name in ("drop_before", "error_before", "drop_after", "error_after")
        ]
        venue.put_faults(FaultPlan(tuple(rules)))
        with pytest.raises(aiohttp.ClientError):
            await post(http, of_deposit_wallet())
        assert (await post(http, of_deposit_wallet()))[0] == 502
        # What is refused has no later fate.
        assert (await post(http, of_deposit_wallet()))[0] == 400
        assert venue.faults.struck == (1, 1, 0, 0)
