"""An API key that the venue takes no more is derived anew, once, and told to whom it concerns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from account import Account, load_account, open_account
from api_user import UserRenewal, follow_user
from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.rest import HttpRequest, PrivateRest
from exchange.polymarket.signing import LocalSigner
from exchange.polymarket.wallets import generate_wallet
from exchange.port import PermanentError
from process import utc_now
from settings import Settings
from storage.port import Event
from tests.beside import beside
from tests.exchange.venue_process import running_venue
from tests.ingest.desk import until
from trading.types import SignatureType


@dataclass
class Told:
    """Events by their keys; each is kept once."""

    events: dict[str, Event] = field(default_factory=dict)

    async def record_event_once(self, key: str, event: Event) -> bool:
        return self.events.setdefault(key, event) is event

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.events.values()]


@dataclass
class Scene:
    """A worker's account at a venue that may forget its key, and who renews it."""

    settings: Settings
    access: VenueAccess
    account: Account
    told: Told
    gateway: PolymarketGateway

    async def forget_key(self) -> None:
        """Let the venue delete the API key, as its owner may do elsewhere."""
        rest = PrivateRest(self.access, self.account.trading.user)
        assert (await rest.send(HttpRequest("DELETE", "/auth/api-key"))).is_ok

    async def is_refused(self) -> bool:
        try:
            await self.gateway.fetch_open_orders()
        except PermanentError:
            return True
        return False

    def renewing(self) -> AbstractAsyncContextManager[None]:
        return beside(UserRenewal(self.access, self.account, self.told, utc_now).run())

    async def until_told(self, kind: str) -> None:
        async def is_told() -> bool:
            return self.told.kinds == [kind]

        await until(is_told)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    venue_home = tmp_path / "venue"
    venue_home.mkdir()
    async with running_venue(venue_home, "--speed", "0.2") as access:
        settings = Settings.model_validate(
            {
                "home": tmp_path,
                "clob_url": access.endpoints.clob,
                "signature_type": SignatureType.POLY_1271,
                "private_key": None,
            }
        )
        account = await open_account(settings, access)
        gateway = PolymarketGateway(access, account.trading, account.signer)
        yield Scene(settings, access, account, Told(), gateway)


async def test_a_refused_key_is_derived_anew_and_kept_and_a_person_is_called(scene: Scene) -> None:
    before = scene.account.trading.user.credentials
    await scene.forget_key()
    async with scene.renewing():
        assert await scene.is_refused()
        await scene.until_told("api_key_renewed")
        assert not await scene.is_refused()
    assert scene.account.trading.user.credentials is not before
    assert load_account(scene.settings).user == scene.account.trading.user
    (event,) = scene.told.events.values()
    assert event.severity == "PAGE"
    secrets = (before.key, before.secret.get_secret_value(), before.passphrase.get_secret_value())
    assert not any(secret in event.title for secret in secrets)


async def test_a_key_that_is_refused_again_at_once_is_left_to_the_person(scene: Scene) -> None:
    async with scene.renewing():
        for _ in range(2):
            await scene.forget_key()
            assert await scene.is_refused()
            await scene.until_told("api_key_renewed")
        await asyncio.sleep(0.2)
        assert await scene.is_refused()
    assert scene.told.kinds == ["api_key_renewed"]


async def test_who_may_have_no_key_at_all_is_told_and_keeps_what_there_is(scene: Scene) -> None:
    before = scene.account.trading.user.credentials
    stranger = LocalSigner(generate_wallet(SignatureType.EOA).private_key)

    class Liar:
        address = scene.account.attests.address
        sign_attestation = stranger.sign_attestation

    scene.account = replace(scene.account, attests=Liar())
    await scene.forget_key()
    async with scene.renewing():
        assert await scene.is_refused()
        await scene.until_told("api_key_refused")
    assert scene.account.trading.user.credentials is before


async def test_a_venue_that_is_away_is_asked_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_user.RETRY_AFTER_S", 0.01)
    fetches = 0

    async def away_once(access: VenueAccess, signer: LocalSigner) -> object:
        nonlocal fetches
        fetches += 1
        return await fetch_user(access if fetches > 1 else nowhere, signer)

    away = replace(scene.access.endpoints, clob="http://127.0.0.1:9")
    nowhere = VenueAccess(away, scene.access.session, utc_now)
    monkeypatch.setattr("api_user.fetch_user", away_once)
    await scene.forget_key()
    async with scene.renewing():
        assert await scene.is_refused()
        await scene.until_told("api_key_renewed")
    assert fetches == 2


async def test_an_answer_to_a_key_that_was_replaced_meanwhile_refuses_nothing(scene: Scene) -> None:
    user = scene.account.trading.user
    fresh = (await fetch_user(scene.access, scene.account.attests)).credentials
    await scene.forget_key()
    asking = asyncio.create_task(scene.is_refused())
    await asyncio.sleep(0)  # it is on its way, signed with what we had
    user.credentials = fresh
    assert await asking
    assert not user.refused.is_set()


async def test_who_listens_takes_over_what_a_worker_has_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_user.LOOK_EVERY_S", 0.01)
    heard = load_account(scene.settings)
    before = heard.user.credentials

    async def is_taken() -> bool:
        return heard.user.credentials is not before

    async with beside(follow_user(heard, partial(load_account, scene.settings))):
        await until(is_taken)
        (scene.settings.home / "api-user.json").write_text("half of")
        kept = heard.user.credentials
        await asyncio.sleep(0.05)
        assert heard.user.credentials == kept
