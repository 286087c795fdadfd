"""Tests of redemptions on their way: one open for a wallet, each sent as it was committed."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from storage.port import FencedError
from storage.postgres import PostgresStore
from storage.redeem_port import Sending, SendingState
from storage.tables import whales
from tests.storage.builders import NOW, WALLET, bought, later, price, whale
from trading.types import ConditionId, PositionState, Wallet

APART = timedelta(seconds=30)
FIRST, OTHER = ConditionId("0x" + "aa" * 32), ConditionId("0x" + "bb" * 32)


def a_sending(name: str = "r1", condition_id: ConditionId = FIRST) -> Sending:
    return Sending(name, WALLET, condition_id, '{"nonce": 1}', SendingState.OPEN, NOW)


async def test_a_redemption_is_committed_once_and_found(funded: PostgresStore) -> None:
    assert await funded.open_sending(WALLET) is None
    assert await funded.last_sending(WALLET, FIRST) is None
    for _ in range(2):
        assert await funded.commit_sending(a_sending()) == a_sending()
    assert await funded.open_sending(WALLET) == a_sending()
    assert await funded.last_sending(WALLET, FIRST) == a_sending()
    assert await funded.open_sending(Wallet("0x" + "99" * 20)) is None


async def test_a_wallet_has_one_open_redemption_whoever_commits(funded: PostgresStore) -> None:
    asked = [a_sending(f"r{n}", FIRST if n % 2 else OTHER) for n in range(8)]
    stored = await asyncio.gather(*(funded.commit_sending(one) for one in asked))
    assert len({one.redemption_id for one in stored}) == 1


async def test_sendings_are_counted_and_kept_apart(funded: PostgresStore) -> None:
    await funded.commit_sending(a_sending())
    at_once = [funded.begin_redeeming("r1", 1, NOW, APART) for _ in range(6)]
    assert sorted(await asyncio.gather(*at_once)) == [False] * 5 + [True]
    assert not await funded.begin_redeeming("r1", 1, later(29), APART)
    assert await funded.begin_redeeming("r1", 1, later(30), APART)
    await funded.note_sending("r1", "", "no answer")
    await funded.note_sending("r1", "t-1", "")
    await funded.note_sending("r1", "t-2", "busy")
    stored = await funded.open_sending(WALLET)
    assert stored is not None
    assert (stored.sends, stored.handle, stored.error) == (2, "t-1", "busy")
    assert stored.sent_at == later(30)


async def test_who_lost_the_lease_sends_nothing(funded: PostgresStore) -> None:
    await funded.commit_sending(a_sending())
    with pytest.raises(FencedError):
        await funded.begin_redeeming("r1", 2, NOW, APART)
    with pytest.raises(AssertionError, match="committed"):
        await funded.begin_redeeming("r9", 1, NOW, APART)


async def test_what_has_ended_is_not_sent_and_leaves_room_for_another(
    funded: PostgresStore,
) -> None:
    await funded.commit_sending(a_sending())
    await funded.end_sending("r1", SendingState.DEAD, "reverted", later(5))
    await funded.end_sending("r1", SendingState.DONE, "", later(6))
    assert await funded.open_sending(WALLET) is None
    assert not await funded.begin_redeeming("r1", 1, later(60), APART)
    last = await funded.last_sending(WALLET, FIRST)
    assert last == replace(
        a_sending(), state=SendingState.DEAD, error="reverted", ended_at=later(5)
    )
    assert await funded.commit_sending(a_sending()) == last  # the same one is never begun anew
    again = replace(a_sending("r2"), created_at=later(10))
    assert await funded.commit_sending(again) == again
    assert await funded.last_sending(WALLET, FIRST) == again
    with pytest.raises(AssertionError, match="DONE or DEAD"):
        await funded.end_sending("r2", SendingState.OPEN, "", NOW)


async def test_only_a_resolved_position_becomes_redeemable_and_keeps_its_exposure(
    funded: PostgresStore,
) -> None:
    await funded.save_whale(whale(), NOW)
    position_id = (await bought(funded)).position_id
    await funded.mark_redeemable(position_id, NOW)
    position = await funded.load_position(position_id)
    assert position is not None
    assert position.state is PositionState.OPEN
    await funded.settle_resolution(position_id, price("1"), redeemed=False, now=NOW)
    for _ in range(2):
        await funded.mark_redeemable(position_id, NOW)
    redeemable = await funded.load_position(position_id)
    assert redeemable is not None
    assert redeemable.state is PositionState.REDEEMABLE
    assert redeemable.exposure == position.exposure > 0
    async with funded.transaction() as connection:
        active = (await connection.execute(select(whales.c.active_positions))).scalar_one()
    assert active == 1
    assert [one.position_id for one in await funded.list_open()] == [position_id]
    paid = await funded.settle_resolution(position_id, price("1"), redeemed=True, now=NOW)
    assert paid.state is PositionState.REDEEMED
    assert paid.exposure == 0
