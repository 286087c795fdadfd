"""The unmodified polymarket-client redeems at the local venue, from every kind of wallet."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from polymarket import AsyncSecureClient, RelayerApiKey
from polymarket._internal.environment import get_environment_config
from polymarket.environments import _create_environment
from polymarket.errors import RequestRejectedError, TransactionFailedError, UserInputError

from paper.derive import protocol_v2_ids
from paper.faults import Fault, FaultPlan, Point
from paper.ledger import BANK, CASH, MINT, Leg
from paper.model import MICROS, Dialect
from paper.wallets import wallet_of
from tests.paper.open_venue import QUICK, Running, open_venue
from tests.paper.posted_orders import address_of, key_number
from tests.paper.still_venue import (
    CONDITION,
    CONDITION_NEG_RISK,
    OTHER,
    OTHER_NEG_RISK,
    TOKEN,
    TOKEN_NEG_RISK,
    a_market,
)
from tests.paper.test_clients_sdk import environment_of

KEY = key_number(41)
OWNER = address_of(KEY)
CONDITION_V2, TOKENS_V2 = protocol_v2_ids("play", "redeem")  # as the protocol builds them
TOKENS = {
    CONDITION: (TOKEN, OTHER),
    CONDITION_NEG_RISK: (TOKEN_NEG_RISK, OTHER_NEG_RISK),
    CONDITION_V2: TOKENS_V2,
}
PATIENT = dataclasses.replace(QUICK, auto_redeem=False, block_every_s=Decimal("0.1"))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with open_venue(tmp_path, PATIENT) as venue:
        market = a_market(CONDITION_V2, TOKENS_V2, Dialect.PROTOCOL_V2)
        now = venue.venue.now()
        venue.venue.add_market(
            dataclasses.replace(market, starts_at=now - 1000, ends_at=now + 3_600_000)
        )
        async with asyncio.timeout(10):
            while venue.venue.block(venue.venue.block_number()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the client asks for the newest block's time
        yield venue


@asynccontextmanager
async def logged_in(running: Running, wallet: str) -> AsyncIterator[Any]:
    config = get_environment_config(environment_of(running))
    quick = dataclasses.replace(config, relayer_poll_frequency_ms=50)
    client = await AsyncSecureClient.create(
        private_key=KEY,
        wallet=wallet,
        environment=_create_environment(name="local", config=quick),
        api_key=RelayerApiKey(key="local", address=OWNER),
    )
    async with client:
        yield client


def give(running: Running, wallet: str, condition_id: str, *sizes: int) -> None:
    """Hand a wallet tokens of both outcomes, paid for by the bank."""
    ledger = running.venue._company.floor.ledger
    running.venue.open_wallet(wallet)
    ledger.move(Leg(BANK, MINT, CASH, max(sizes)))
    for token_id, size in zip(TOKENS[condition_id], sizes, strict=True):
        ledger.move(Leg(MINT, wallet, token_id, size))


def held(running: Running, wallet: str, condition_id: str) -> tuple[int, ...]:
    return tuple(running.venue.balance(wallet, token) for token in TOKENS[condition_id])


def cash(running: Running, wallet: str) -> int:
    return running.venue.balance(wallet, None) - QUICK.bankroll


def is_balanced(running: Running) -> bool:
    accounts = running.venue.wallets().values()
    tokens = {token for _, held in accounts for token in held}
    sums = [sum(held.get(token, 0) for _, held in accounts) for token in tokens]
    return not any([sum(cash for cash, _ in accounts), *sums])


EVERY_WALLET = [
    (0, CONDITION),
    (1, CONDITION_NEG_RISK),
    (2, CONDITION_V2),
    (3, CONDITION),
]
EVERY_OTHER = [
    (signature_type, condition_id)
    for signature_type in (0, 1, 2, 3)
    for condition_id in TOKENS
    if (signature_type, condition_id) not in EVERY_WALLET
]


@pytest.mark.parametrize(
    ("signature_type", "condition_id"),
    [*EVERY_WALLET, *(pytest.param(*one, marks=pytest.mark.acceptance) for one in EVERY_OTHER)],
)
async def test_a_wallet_redeems_what_it_holds_once(
    running: Running, signature_type: int, condition_id: str
) -> None:
    wallet = wallet_of(OWNER, signature_type)
    give(running, wallet, condition_id, 7 * MICROS, 3 * MICROS)
    running.venue.resolve_market(condition_id, (MICROS, 0))
    async with logged_in(running, wallet) as client:
        handle = await client.redeem_positions(condition_id=condition_id)
        outcome = await asyncio.wait_for(handle.wait(), 10)
    assert outcome.transaction_hash.startswith("0x")
    assert held(running, wallet, condition_id) == (0, 0)
    assert cash(running, wallet) == 7 * MICROS
    assert is_balanced(running)
    told = [one for one in running.venue.redemptions() if one.wallet == wallet]
    hashes = {one.transaction_hash for one in told}
    assert outcome.transaction_hash in hashes
    # A plain key has no batch: where each outcome is a call of its own, it sends two.
    assert len(hashes) == (2 if (signature_type, condition_id) == (0, CONDITION_V2) else 1)


async def test_a_void_market_pays_half_of_both_outcomes(running: Running) -> None:
    wallet = wallet_of(OWNER, 3)
    give(running, wallet, CONDITION, 7 * MICROS, 3 * MICROS)
    running.venue.resolve_market(CONDITION, (MICROS // 2, MICROS // 2))
    async with logged_in(running, wallet) as client:
        await (await client.redeem_positions(condition_id=CONDITION)).wait()
    assert cash(running, wallet) == 5 * MICROS


async def test_a_second_redemption_pays_nothing(running: Running) -> None:
    wallet = wallet_of(OWNER, 3)
    give(running, wallet, CONDITION, 7 * MICROS, 0)
    running.venue.resolve_market(CONDITION, (MICROS, 0))
    async with logged_in(running, wallet) as client:
        for _ in range(2):
            await (await client.redeem_positions(condition_id=CONDITION)).wait()
    assert cash(running, wallet) == 7 * MICROS


@pytest.mark.parametrize("signature_type", [3])
async def test_nothing_is_redeemed_before_the_result_stands(
    running: Running, signature_type: int
) -> None:
    wallet = wallet_of(OWNER, signature_type)
    give(running, wallet, CONDITION, 7 * MICROS, 0)
    async with logged_in(running, wallet) as client:
        with pytest.raises(UserInputError, match="No market found"):
            await client.redeem_positions(condition_id=CONDITION)
    assert held(running, wallet, CONDITION) == (7 * MICROS, 0)


@pytest.mark.parametrize("signature_type", [0, 3])
async def test_a_reverted_transaction_pays_nothing_and_may_be_tried_again(
    running: Running, signature_type: int
) -> None:
    wallet = wallet_of(OWNER, signature_type)
    give(running, wallet, CONDITION, 7 * MICROS, 0)
    running.venue.resolve_market(CONDITION, (MICROS, 0))
    running.venue.put_faults(FaultPlan((Fault(Point.RELAY, "revert", count=1),)))
    async with logged_in(running, wallet) as client:
        with pytest.raises(TransactionFailedError):
            await (await client.redeem_positions(condition_id=CONDITION)).wait()
        assert cash(running, wallet) == 0
        await (await client.redeem_positions(condition_id=CONDITION)).wait()
    assert cash(running, wallet) == 7 * MICROS


async def test_an_answer_that_is_lost_was_taken_all_the_same(running: Running) -> None:
    wallet = wallet_of(OWNER, 3)
    give(running, wallet, CONDITION, 7 * MICROS, 0)
    running.venue.resolve_market(CONDITION, (MICROS, 0))
    running.venue.put_faults(FaultPlan((Fault(Point.RELAY, "error_after", count=1),)))
    async with logged_in(running, wallet) as client:
        with pytest.raises(RequestRejectedError):
            await client.redeem_positions(condition_id=CONDITION)
        async with asyncio.timeout(5):
            while held(running, wallet, CONDITION)[0]:  # noqa: ASYNC110 - the venue is looked at
                await asyncio.sleep(0.02)
    assert cash(running, wallet) == 7 * MICROS
