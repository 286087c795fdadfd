"""Tests of redeeming at the local venue, from every kind of wallet, with lost answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from exchange.polymarket.client import TradingAccount
from exchange.polymarket.endpoints import PRODUCTION, VenueAccess, VenueEndpoints
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.polymarket.redeem_calls import RedeemSigner
from exchange.polymarket.redeemer import PolymarketRedeemer, RelayerKey
from exchange.polymarket.rest import ApiCredentials, ApiUser
from exchange.port import UnavailableError
from exchange.redeem_port import RedeemRequest, RedeemState
from paper.derive import protocol_v2_ids
from paper.faults import Fault, FaultPlan, Point
from paper.ledger import BANK, CASH, MINT, Leg
from paper.model import MICROS, Dialect, VenueSettings
from paper.wallets import wallet_of
from tests.exchange.samples import now
from tests.paper.open_venue import QUICK, Running, open_venue
from tests.paper.posted_orders import address_of, key_number
from tests.paper.still_venue import (
    OTHER,
    OTHER_NEG_RISK,
    TOKEN,
    TOKEN_NEG_RISK,
    a_market,
)
from trading.types import Market, SignatureType, TokenId, Wallet

KEY = key_number(51)
OWNER = address_of(KEY)
LIMIT_S = 20
CONDITION_V2, TOKENS_V2 = protocol_v2_ids("play", "redeemer")  # as the protocol builds them
PAIRS = ((TOKEN, OTHER), (TOKEN_NEG_RISK, OTHER_NEG_RISK), TOKENS_V2)
SETTINGS = replace(QUICK, auto_redeem=False)
RELAYER = RelayerKey(SecretStr("a key"), may_send=True)


class Desk:
    """A wallet with seven and three shares of each market of a venue, and its redeemer."""

    def __init__(self, running: Running, session: aiohttp.ClientSession) -> None:
        self.running = running
        urls = running.urls
        self.access = VenueAccess(
            VenueEndpoints(
                clob=urls["clob"],
                gamma=urls["gamma"],
                data=urls["data"],
                rpc_http=(urls["rpc_http"],),
                relayer=urls["relayer"],
            ),
            session,
            now,
        )

    def redeemer(self, signature_type: int, relay: RelayerKey = RELAYER) -> PolymarketRedeemer:
        kind = SignatureType(signature_type)
        user = ApiUser(Wallet(OWNER.lower()), ApiCredentials("", SecretStr(""), SecretStr("")))
        account = TradingAccount(user, Wallet(wallet_of(OWNER, signature_type).lower()), kind)
        return PolymarketRedeemer(self.access, account, RedeemSigner(SecretStr(KEY)), relay)

    def give(self, signature_type: int, tokens: tuple[str, str]) -> None:
        ledger, wallet = self.running.venue._company.floor.ledger, wallet_of(OWNER, signature_type)
        ledger.move(Leg(BANK, MINT, CASH, 7 * MICROS))
        for token, size in zip(tokens, (7 * MICROS, 3 * MICROS), strict=True):
            ledger.move(Leg(MINT, wallet, token, size))

    async def market(self, token_id: str) -> Market:
        found = await PolymarketMarketData(self.access).fetch_market(TokenId(token_id))
        assert found is not None
        return found

    async def resolve(self, token_id: str, payouts: tuple[int, int] = (MICROS, 0)) -> Market:
        market = self.running.venue.market_of(token_id)
        assert market is not None
        self.running.venue.resolve_market(market.condition_id, payouts)
        return await self.market(token_id)

    def cash(self, signature_type: int) -> int:
        return self.running.venue.balance(wallet_of(OWNER, signature_type), None)

    def strike(self, fault: str, **more: object) -> None:
        rule = Fault(Point.RELAY, fault, count=1, **more)  # type: ignore[arg-type]
        self.running.venue.put_faults(FaultPlan((rule,)))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings: VenueSettings = SETTINGS
    async with open_venue(tmp_path, settings) as running, aiohttp.ClientSession() as session:
        listed, at = a_market(CONDITION_V2, TOKENS_V2, Dialect.PROTOCOL_V2), running.venue.now()
        running.venue.add_market(replace(listed, starts_at=at - 1000, ends_at=at + 3_600_000))
        yield Desk(running, session)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await holds():  # noqa: ASYNC110 - a venue is looked at
            await asyncio.sleep(0.02)


async def final(redeemer: PolymarketRedeemer, request: RedeemRequest, handle: str) -> RedeemState:
    async def is_final() -> bool:
        return (await redeemer.fetch_state(request, handle)).is_final

    await until(is_final)
    return await redeemer.fetch_state(request, handle)


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
async def test_every_wallet_redeems_every_market(desk: Desk, signature_type: int) -> None:
    redeemer = desk.redeemer(signature_type)
    assert redeemer.may_send
    paid = 0
    for tokens in PAIRS:
        desk.give(signature_type, tokens)
        before = await desk.market(tokens[0])
        assert await redeemer.fetch_payouts(before) is None
        market = await desk.resolve(tokens[0])
        assert list(await redeemer.fetch_payouts(market) or ()) == [1, 0]
        while sum(await redeemer.fetch_held(market)):  # a plain key takes an outcome at a time
            request = await redeemer.prepare(market)
            answer = await redeemer.redeem(request)
            assert answer.handle, answer.error
            assert await final(redeemer, request, answer.handle) is RedeemState.DONE
        paid += 7 * MICROS
        assert desk.cash(signature_type) == paid


async def test_a_void_market_pays_half_each(desk: Desk) -> None:
    redeemer = desk.redeemer(3)
    desk.give(3, PAIRS[0])
    market = await desk.resolve(TOKEN, (MICROS // 2, MICROS // 2))
    assert await redeemer.fetch_payouts(market) == (Decimal("0.5"), Decimal("0.5"))
    request = await redeemer.prepare(market)
    await redeemer.redeem(request)
    assert await final(redeemer, request, "") is RedeemState.DONE
    assert desk.cash(3) == 5 * MICROS


@pytest.mark.parametrize("signature_type", [0, 3])
@pytest.mark.parametrize("fault", ["drop_after", "error_after", "drop_before"])
async def test_the_same_bytes_sent_again_redeem_once(
    desk: Desk, signature_type: int, fault: str
) -> None:
    redeemer = desk.redeemer(signature_type)
    desk.give(signature_type, PAIRS[0])
    market = await desk.resolve(TOKEN)
    desk.strike(fault)
    request = await redeemer.prepare(market)
    answer = await redeemer.redeem(request)
    assert answer.error
    for _ in range(3):
        answer = await redeemer.redeem(request)
    assert await final(redeemer, request, answer.handle) is RedeemState.DONE
    assert desk.cash(signature_type) == 7 * MICROS
    told = [one for one in desk.running.venue.redemptions() if one.payout]
    assert len(told) == 1


@pytest.mark.parametrize("signature_type", [0, 3])
async def test_what_is_reverted_is_dead_and_prepared_anew(desk: Desk, signature_type: int) -> None:
    redeemer = desk.redeemer(signature_type)
    desk.give(signature_type, PAIRS[0])
    market = await desk.resolve(TOKEN)
    desk.strike("revert")
    request = await redeemer.prepare(market)
    answer = await redeemer.redeem(request)
    assert await final(redeemer, request, answer.handle) is RedeemState.DEAD
    again = await redeemer.prepare(market)
    answer = await redeemer.redeem(again)
    assert await final(redeemer, again, answer.handle) is RedeemState.DONE
    assert desk.cash(signature_type) == 7 * MICROS


async def test_a_batch_is_dead_after_its_deadline_and_no_sooner(desk: Desk) -> None:
    redeemer = desk.redeemer(3)
    desk.give(3, PAIRS[0])
    market = await desk.resolve(TOKEN)
    request = await redeemer.prepare(market)
    assert await redeemer.fetch_state(request, "") is RedeemState.PENDING
    late = replace(request, deadline_s=int(now().timestamp()) - 1)
    assert await redeemer.fetch_state(late, "") is RedeemState.DEAD


async def test_nothing_held_is_nothing_to_prepare(desk: Desk) -> None:
    market = await desk.resolve(TOKENS_V2[0])
    with pytest.raises(UnavailableError, match="the chain has none"):
        await desk.redeemer(3).prepare(market)


async def test_without_the_switches_or_a_relayers_key_nothing_is_sent(desk: Desk) -> None:
    assert not desk.redeemer(3, RelayerKey(SecretStr("a key"), may_send=False)).may_send
    assert not desk.redeemer(3, RelayerKey(None, may_send=True)).may_send
    assert desk.redeemer(0, RelayerKey(None, may_send=True)).may_send
    assert desk.access.endpoints.is_local
    assert not PRODUCTION.is_local
