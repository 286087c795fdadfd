"""Tests of how redemptions are sent: committed first, one at a time, the same bytes again."""

from datetime import timedelta

import pytest

from activities.redeeming import Redeeming, SendPorts
from exchange.redeem_port import RedeemRequest
from exchange.redeem_text import read_request, write_request
from storage.port import FencedError
from storage.redeem_port import SendingState
from tests.activities.desk import Desk
from tests.activities.redeem_desk import RULES, FakeChain, Killed, open_chain
from tests.fakes import FakeLease
from trading.types import Market


async def ready(desk: Desk, *fates: str) -> tuple[FakeChain, Redeeming, Market]:
    await desk.opened()
    desk.venue.resolve("1", "0", paid=False)
    chain = open_chain(desk, *fates)
    market = desk.venue.market
    assert market is not None
    return chain, driver(desk, chain), market


def driver(desk: Desk, chain: FakeChain, epoch: int = 1) -> Redeeming:
    return Redeeming(SendPorts(chain, desk.store, FakeLease(epoch)), RULES, desk.clock)


async def wait(desk: Desk, seconds: int) -> None:
    await desk.clock.pause(timedelta(seconds=seconds))


async def test_it_is_committed_before_it_is_sent(desk: Desk) -> None:
    chain, redeeming, market = await ready(desk, "killed")
    seen: list[RedeemRequest] = []

    async def look() -> None:
        stored = await desk.store.open_sending(chain.wallet)
        assert stored is not None
        assert stored.sends == 1
        seen.append(read_request(stored.request))

    chain.sending = look
    with pytest.raises(Killed):
        await redeeming.drive(market)
    assert seen == chain.sent


async def test_it_is_sent_again_alike_after_a_while_and_ended_once(desk: Desk) -> None:
    chain, redeeming, market = await ready(desk, "lost_before")
    for _ in range(3):
        await redeeming.drive(market)
    assert len(chain.sent) == 1
    await wait(desk, 30)
    await redeeming.drive(market)
    assert len(chain.sent) == 2
    assert len(set(chain.sent)) == 1
    await wait(desk, 2)
    await redeeming.drive(market)
    assert await desk.store.open_sending(chain.wallet) is None
    last = await desk.store.last_sending(chain.wallet, market.condition_id)
    assert last is not None
    assert last.state is SendingState.DONE
    assert list(await desk.events()).count("redemption") == 1


async def test_what_was_reverted_is_tried_anew_after_a_while(desk: Desk) -> None:
    chain, redeeming, market = await ready(desk, "revert")
    await redeeming.drive(market)
    await wait(desk, 3)
    await redeeming.drive(market)
    last = await desk.store.last_sending(chain.wallet, market.condition_id)
    assert last is not None
    assert last.state is SendingState.DEAD
    await redeeming.drive(market)
    assert len(chain.sent) == 1
    await wait(desk, 60)
    await redeeming.drive(market)
    assert len(chain.sent) == 2


async def test_who_lost_the_lease_sends_nothing(desk: Desk) -> None:
    chain, _, market = await ready(desk)
    with pytest.raises(FencedError):
        await driver(desk, chain, epoch=7).drive(market)
    assert chain.sent == []


async def test_only_the_conditions_own_redemption_is_adopted(desk: Desk) -> None:
    chain, redeeming, market = await ready(desk, "lost_before")
    await redeeming.drive(market)
    other = type(market.condition_id)("0x" + "77" * 32)
    await redeeming.adopt(other)
    assert await desk.store.open_sending(chain.wallet) is not None
    await redeeming.adopt(market.condition_id)
    assert await desk.store.open_sending(chain.wallet) is None


async def test_a_request_is_kept_whole(desk: Desk) -> None:
    chain, _, market = await ready(desk)
    request = await chain.prepare(market)
    assert read_request(write_request(request)) == request
