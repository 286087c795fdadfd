"""What the venue says of our right to trade is asked of the local venue's own process."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from activities.admission import access_check, clock_check
from exchange.polymarket.admission import PolymarketAdmission
from exchange.polymarket.client import TradingAccount
from exchange.polymarket.contracts import EXCHANGE_V2
from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.signing import LocalSigner
from exchange.polymarket.wallets import generate_wallet
from exchange.port import UnavailableError
from tests.activities.test_admission import Records
from tests.exchange.venue_process import running_venue
from trading.breakers import Breaker
from trading.types import SignatureType


@pytest_asyncio.fixture(scope="module")
async def access(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VenueAccess]:
    async with running_venue(tmp_path_factory.mktemp("venue"), "--speed", "0.2") as access:
        yield access


@pytest.fixture
async def admission(access: VenueAccess) -> PolymarketAdmission:
    wallet = generate_wallet(SignatureType.POLY_1271)
    user = await fetch_user(access, LocalSigner(wallet.private_key))
    return PolymarketAdmission(access, TradingAccount(user, wallet.funder, wallet.signature_type))


async def plan(access: VenueAccess, *rules: dict[str, str]) -> None:
    url = f"{access.endpoints.clob}/_paper/faults"
    async with access.session.post(url, json={"rules": list(rules)}) as answer:
        assert answer.status == 200, await answer.text()


async def test_an_ordinary_account_may_trade(admission: PolymarketAdmission) -> None:
    found = await admission.fetch_geoblock()
    assert (found.is_blocked, found.country) == (False, "ZZ")
    assert not await admission.fetch_closed_only()
    cash, allowed = await admission.fetch_allowances()
    assert cash > 0
    assert allowed[EXCHANGE_V2] > cash
    assert len(await admission.fetch_api_keys()) == 1
    assert abs(await admission.fetch_clock() - datetime.now(UTC)) < timedelta(seconds=10)


async def test_a_venue_that_blocks_stops_entries_until_it_does_not(
    access: VenueAccess, admission: PolymarketAdmission
) -> None:
    records = Records()
    check = access_check(admission, records, access.clock)
    blocked = {"at": "account", "fault": "geoblocked", "text": "KP"}
    await plan(access, blocked, {"at": "account", "fault": "closed_only"})
    await check.turn()
    assert records.trips[Breaker.GEOBLOCK].reason == "the venue takes no orders from KP"
    assert Breaker.CLOSED_ONLY in records.trips
    await plan(access)
    await check.turn()
    assert records.trips == {}


@pytest.mark.parametrize(("shift", "stops"), [(0, False), (2, False), (-20, True), (20, True)])
async def test_a_clock_of_ours_that_is_far_off_stops_entries(
    access: VenueAccess, admission: PolymarketAdmission, shift: int, stops: bool
) -> None:
    records = Records()
    await clock_check(
        admission, records, lambda: datetime.now(UTC) + timedelta(seconds=shift)
    ).turn()
    assert (Breaker.CLOCK in records.trips) is stops


async def test_a_venue_that_is_away_says_nothing(access: VenueAccess) -> None:
    wallet = generate_wallet(SignatureType.POLY_1271)
    user = await fetch_user(access, LocalSigner(wallet.private_key))
    nowhere = VenueAccess(VenueEndpoints(clob="http://127.0.0.1:9"), access.session, access.clock)
    account = TradingAccount(user, wallet.funder, wallet.signature_type)
    with pytest.raises(UnavailableError):
        await PolymarketAdmission(nowhere, account).fetch_geoblock()


def test_geoblock_is_asked_of_productions_page_or_of_the_local_venue_or_where_one_says() -> None:
    assert VenueEndpoints().geoblock_url == "https://polymarket.com/api/geoblock"
    local = VenueEndpoints(clob="http://127.0.0.1:8900")
    assert local.geoblock_url == "http://127.0.0.1:8900/api/geoblock"
    assert VenueEndpoints(geoblock="http://127.0.0.1:1/g").geoblock_url == "http://127.0.0.1:1/g"
