"""Whatever happens, in whatever order, the books in PostgreSQL add up after every step."""

import random
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from storage.port import Mark, Reserved
from storage.postgres import PostgresStore
from storage.recount import audit_books
from storage.view_pnl import PnlBy, list_days, list_pnl, list_position_pnl, load_total
from tests.storage.builders import (
    CAPS,
    NO,
    NOW,
    WHALE,
    YES,
    entry,
    later,
    leave,
    price,
    trade,
    usd,
    whale,
)
from trading.orders import Intent, Ruling, VenueTrade
from trading.portfolio import add_up
from trading.types import (
    ZERO,
    ExitReason,
    OrderState,
    PositionId,
    PositionState,
    Settlement,
    TokenId,
    Wallet,
)

OTHER_WHALE = Wallet("0x" + "b3" * 20)
CONFIRMED, MATCHED, FAILED = Settlement.CONFIRMED, Settlement.MATCHED, Settlement.FAILED
KILLED = Ruling(OrderState.CANCELLED, "killed")
PAYOUTS = ("0", "0.5", "1")
STEPS = 45


@dataclass
class Life:
    """One random life of a wallet; it asks nothing of the store but what the product asks."""

    store: PostgresStore
    rng: random.Random
    n: int = 0
    pending: list[tuple[Intent, VenueTrade]] = field(default_factory=list)
    exits: set[PositionId] = field(default_factory=set)

    async def step(self) -> None:
        """Do one thing, or nothing where it cannot be done."""
        self.n += 1
        steps = (self.buy, self.buy, self.settle, self.settle, self.settle, self.sell, self.mark)
        await self.rng.choice((*steps, self.move_cash, self.resolve))()

    async def buy(self) -> None:
        size = Decimal(self.rng.randint(500, 9000)) / 100
        at = Decimal(self.rng.randint(5, 95)) / 100
        wanted = entry(
            f"s{self.n}#1",
            size=str(size),
            at=str(at),
            cost_max=str(size),
            whale=self.rng.choice((WHALE, OTHER_WHALE)),
            token_id=self.rng.choice((YES, NO)),
            created_at=later(self.n),
        )
        outcome = await self.store.reserve_entry(wanted, CAPS, later(self.n))
        if not isinstance(outcome, Reserved):
            return  # losses in a row pause entries
        intent = outcome.intent
        await self.store.begin_sending(intent.order.order_hash, 1, NOW)
        await self.fill(intent, size, at)

    async def fill(self, intent: Intent, size: Decimal, at: Decimal) -> None:
        """Match an order in one to three parts, some of them not at all, and kill the rest."""
        parts = self.rng.randint(1, 3)
        fills = [
            trade(
                intent,
                f"t{self.n}-{part}",
                size=str((size / parts).quantize(Decimal("0.01"), rounding="ROUND_DOWN")),
                at=str(at),
                fee=str(Decimal(self.rng.randint(0, 400_000)) / 1_000_000),
                settlement=MATCHED,
                matched_at=later(self.n),
            )
            for part in range(parts)
            if self.rng.random() < 0.9
        ]
        self.pending += [(intent, each) for each in fills]
        await self.fold(intent, *fills, KILLED)

    async def fold(self, intent: Intent, *evidence: VenueTrade | Ruling) -> None:
        await self.store.fold(intent.order.order_hash, evidence, later(self.n))
        await self.store.apply_order(intent.order.order_hash, later(self.n))

    async def settle(self) -> None:
        """Let the chain speak of up to three trades, in any order."""
        for _ in range(min(len(self.pending), self.rng.randint(1, 3))):
            intent, each = self.pending.pop(self.rng.randrange(len(self.pending)))
            settlement = FAILED if self.rng.random() < 0.25 else CONFIRMED
            final = trade(
                intent,
                each.trade_id,
                size=str(each.size),
                at=str(each.cost / each.size),
                fee=str(each.fee),
                settlement=settlement,
                matched_at=each.matched_at,
            )
            await self.fold(intent, final)

    async def sell(self) -> None:
        held = [p for p in await self.store.list_open() if p.settled_size > 1]
        if not held:
            return
        position = self.rng.choice(held)
        epoch = await self.store.begin_exit(
            position.position_id, ExitReason.OPERATOR, later(self.n)
        )
        size = (position.settled_size * self.rng.randint(20, 100) / 100).quantize(
            Decimal("0.01"), rounding="ROUND_DOWN"
        )
        at = Decimal(self.rng.randint(5, 95)) / 100
        offered = leave(
            position.position_id, epoch=epoch, attempt=self.n, size=str(size), at=str(at)
        )
        intent = await self.store.commit_exit(offered, later(self.n))
        if isinstance(intent, Intent):
            await self.store.begin_sending(intent.order.order_hash, 1, NOW)
            await self.fill(intent, size, at)
        await self.store.end_exit(position.position_id, later(self.n))

    async def mark(self) -> None:
        at = price(str(Decimal(self.rng.randint(1, 99)) / 100))
        await self.store.save_marks([Mark(self.rng.choice((YES, NO)), at, later(self.n))])

    async def move_cash(self) -> None:
        await self.store.record_deposit(
            usd(self.rng.randint(-50, 100)), f"move {self.n}", later(self.n)
        )

    async def resolve(self, *, redeemed: bool | None = None) -> None:
        """Resolve one outcome's positions; some are redeemed at once."""
        token: TokenId = self.rng.choice((YES, NO))
        if self.rng.random() < 0.8 and redeemed is None:
            return
        payout = price(self.rng.choice(PAYOUTS))
        for position in await self.store.list_open():
            if position.token_id == token or redeemed:
                paid = self.rng.random() < 0.5 if redeemed is None else redeemed
                await self.store.settle_resolution(
                    position.position_id, payout, redeemed=paid, now=later(self.n)
                )

    async def end(self) -> None:
        """Settle and redeem everything."""
        while self.pending:
            await self.settle()
        for _ in range(2):
            await self.resolve(redeemed=True)
        for position in await self.store.list_dust():
            await self.store.settle_resolution(
                position.position_id, price("1"), redeemed=True, now=later(self.n)
            )


async def check(store: PostgresStore) -> None:
    total = await load_total(store)
    assert total.gap == 0
    assert total.pnl.worth == total.account.bid_value
    assert await audit_books(store) == []
    assert await store.audit_limits() == []


@pytest.mark.parametrize("seed", [7, 11])
async def test_books_add_up_after_every_step_of_a_random_life(
    funded: PostgresStore, seed: int
) -> None:
    await live(funded, seed, STEPS)


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(20, 40))
async def test_books_add_up_through_many_long_lives(funded: PostgresStore, seed: int) -> None:
    await live(funded, seed, 4 * STEPS)


async def live(funded: PostgresStore, seed: int, steps: int) -> None:
    await funded.save_whale(whale(), NOW)
    life = Life(funded, random.Random(seed))
    for _ in range(steps):
        await life.step()
        await check(funded)
    await life.end()
    await check(funded)
    total = await load_total(funded)
    assert total.pnl.held == total.pnl.unrealised == 0
    assert total.pnl.realised == total.account.cash - total.account.deposits
    assert total.pnl.realised == sum((day.realised for day in await list_days(funded)), ZERO)
    lines = await list_position_pnl(funded)
    assert len(lines) >= 3
    assert add_up(line.pnl for line in lines) == total.pnl
    for by in (PnlBy.WHALE, PnlBy.MARKET):
        parts = await list_pnl(funded, by)
        assert sum((part.pnl.total for part in parts), ZERO) == total.pnl.total
    over = {PositionState.CLOSED, PositionState.REDEEMED}
    assert {PositionState(line.state) for line in lines} <= over
