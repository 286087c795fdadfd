"""Random trades with late, doubled and reversed news: the books add up after every step."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from storage.port import Reserved
from storage.postgres import PostgresStore
from tests.storage.builders import CAPS, NO, NOW, YES, entry, leave, price, trade, usd
from trading.orders import Intent, VenueOrder, VenueTrade
from trading.types import ExitReason, OrderHash, OrderState, Settlement, Shares, Wallet

CAPPED = replace(CAPS, wallet=usd(400), whale=usd(250), market=usd(350), position=usd(150))
WHALES = [Wallet(f"0x{n:040x}") for n in (1, 2, 3)]
STEPS = 40


class Simulation:
    """A venue that answers at random, and a store that must keep up."""

    def __init__(self, store: PostgresStore, seed: int) -> None:
        self.store = store
        self.tells_matched = seed % 2 == 0  # else fills come after an order was given up
        self.rng = random.Random(seed)
        self.working: list[Intent] = []
        self.news: list[VenueTrade] = []
        self.matched: dict[OrderHash, Decimal] = {}
        self.n = 0

    async def step(self) -> None:
        await self.rng.choice((self.enter, self.deliver, self.deliver, self.leave, self.end))()

    async def enter(self) -> None:
        self.n += 1
        wanted = entry(
            f"s{self.n}#1",
            size=str(self.rng.randint(5, 120)),
            at=f"0.{self.rng.randint(10, 90)}",
            whale=self.rng.choice(WHALES),
            token_id=self.rng.choice((YES, NO)),
        )
        answer = await self.store.reserve_entry(wanted, CAPPED, NOW)
        if isinstance(answer, Reserved):
            await self.send(answer.intent)

    async def leave(self) -> None:
        standing = await self.store.list_open()
        if not standing:
            return
        position = self.rng.choice(standing)
        epoch = await self.store.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
        if not epoch:
            return
        self.n += 1
        size = str(self.rng.choice((position.settled_size, Decimal(5))).quantize(Decimal("0.01")))
        if Decimal(size) > 0:
            wish = leave(position.position_id, epoch=epoch, attempt=self.n, size=size)
            answer = await self.store.commit_exit(wish, NOW)
            if isinstance(answer, Intent):
                await self.send(answer)
        await self.store.end_exit(position.position_id, NOW)

    async def send(self, intent: Intent) -> None:
        assert await self.store.begin_sending(intent.order.order_hash, 1, NOW)
        self.working.append(intent)
        left = intent.order.size
        for part in range(self.rng.randint(0, 3)):
            size = (left * Decimal(self.rng.randint(1, 10)) / 10).quantize(Decimal("0.01"))
            if size > 0:
                left = type(left)(left - size)
                fee = f"0.{self.rng.randint(0, 99):02}"
                name = f"{intent.intent_id}/{part}"
                self.news.append(trade(intent, name, size=str(size), fee=fee))
        self.matched[intent.order.order_hash] = intent.order.size - left

    async def deliver(self) -> None:
        """Tell some news: matched, then confirmed or refused, some of it again."""
        if not self.news:
            return
        told = self.rng.choice(self.news)
        settlement = self.rng.choice((Settlement.MATCHED, Settlement.MINED, Settlement.CONFIRMED))
        if self.rng.random() < 0.2:
            settlement = Settlement.FAILED
        if settlement.is_final:
            self.news.remove(told)
        evidence = replace(told, settlement=settlement)
        for _ in range(self.rng.randint(1, 2)):
            await self.store.fold(told.order_hash, [evidence], NOW)
        for _ in range(self.rng.randint(0, 2)):
            await self.store.apply_order(told.order_hash, NOW)

    async def end(self) -> None:
        if self.working:
            ended = self.working.pop(self.rng.randrange(len(self.working)))
            order_hash = ended.order.order_hash
            matched = Shares(self.matched[order_hash] if self.tells_matched else Decimal(0))
            end = VenueOrder(order_hash, OrderState.CANCELLED, matched)
            await self.store.fold(order_hash, [end], NOW)
            await self.store.apply_order(order_hash, NOW)

    async def settle(self) -> None:
        while self.working:
            await self.end()
        while self.news:
            await self.deliver()
        for order_hash in await self.store.list_unresolved(1000):
            await self.store.apply_order(order_hash, NOW)
        for position in [*await self.store.list_open(), *await self.store.list_dust()]:
            payout = price(self.rng.choice((0, 1)))
            await self.store.settle_resolution(position.position_id, payout, redeemed=True, now=NOW)


async def check_caps(store: PostgresStore) -> None:
    figures = text(
        """
        SELECT (SELECT coalesce(max(used), 0) FROM limits WHERE scope = 'WALLET') AS wallet,
               (SELECT coalesce(max(used), 0) FROM limits WHERE scope = 'WHALE') AS whale,
               (SELECT coalesce(max(used), 0) FROM limits WHERE scope = 'POSITION') AS position
        """
    )
    async with store.transaction() as connection:
        used = (await connection.execute(figures)).mappings().one()
    assert used["wallet"] <= CAPPED.wallet
    assert used["whale"] <= CAPPED.whale
    assert used["position"] <= CAPPED.position


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_books_add_up_after_every_step(funded: PostgresStore, seed: int) -> None:
    await simulate(funded, seed, STEPS)


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(100, 108))
async def test_the_books_add_up_after_many_steps(funded: PostgresStore, seed: int) -> None:
    await simulate(funded, seed, STEPS * 5)


async def simulate(funded: PostgresStore, seed: int, steps: int) -> None:
    simulation = Simulation(funded, seed)
    for _ in range(steps):
        await simulation.step()
        assert await funded.audit_limits() == []
        if simulation.tells_matched:
            await check_caps(funded)
    await simulation.settle()
    assert await funded.list_unresolved(10) == []
    assert await funded.list_open() == []
    assert await funded.audit_limits() == []
    totals = text(
        """
        SELECT (SELECT sum(cash) FROM ledger WHERE kind <> 'DEPOSIT') AS cash,
               (SELECT sum(realised_pnl) FROM positions) AS realised,
               (SELECT sum(pnl) FROM daily_pnl) AS by_day,
               (SELECT sum(used) FROM limits) AS used,
               (SELECT count(*) FROM reservations WHERE released_at IS NULL) AS reserved,
               (SELECT count(*) FROM offers WHERE released_at IS NULL) AS offered
        """
    )
    async with funded.transaction() as connection:
        found = (await connection.execute(totals)).mappings().one()
    assert found["cash"] == found["realised"] == found["by_day"]
    assert (found["used"], found["reserved"], found["offered"]) == (0, 0, 0)
