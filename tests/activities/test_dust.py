"""Dust of closed positions is redeemed with its market, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import pytest

from activities.dust import DustKeeper
from activities.markets import MarketDesk
from exchange.port import OrderGateway, UnavailableError
from storage.port import PositionRecord, PositionStore
from trading.types import (
    ConditionId,
    FeeSchedule,
    Market,
    PositionId,
    PositionState,
    Price,
    Protocol,
    Shares,
    TokenId,
    Usd,
    Wallet,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
YES, NO = TokenId("11"), TokenId("22")
NOTHING = Usd(Decimal(0))


def market(payouts: tuple[Price, ...] | None) -> Market:
    return Market(
        condition_id=ConditionId("0xaa"),
        question="?",
        slug="q",
        outcomes=("Yes", "No"),
        token_ids=(YES, NO),
        protocol=Protocol.CLOB_V2,
        neg_risk=False,
        tick_size=Price(Decimal("0.01")),
        min_size=Shares(Decimal(5)),
        fees=FeeSchedule(Decimal("0.07"), 1),
        ends_at=NOW,
        is_active=True,
        is_closed=payouts is not None,
        accepts_orders=payouts is None,
        payouts=payouts,
    )


def dust(token_id: TokenId) -> PositionRecord:
    return PositionRecord(
        position_id=PositionId(f"p-{token_id}"),
        wallet=Wallet("0x01"),
        whale=Wallet("0x02"),
        condition_id=ConditionId("0xaa"),
        token_id=token_id,
        state=PositionState.CLOSED,
        size=Shares(Decimal("0.004")),
        settled_size=Shares(Decimal("0.004")),
        avg_entry_price=None,
        exposure=NOTHING,
        fees=NOTHING,
        realised_pnl=NOTHING,
        mark_price=None,
        marked_at=None,
        stop_loss_price=None,
        take_profit_price=None,
        trailing_stop_price=None,
        high_water_price=None,
        exit_epoch=1,
        opened_at=NOW,
    )


@dataclass
class FakeWorld:
    """Stands for the market desk, the gateway and the positions."""

    payouts: tuple[Price, ...] | None
    shares: Mapping[TokenId, Shares] = field(default_factory=dict)
    records: Sequence[PositionRecord] = ()
    booked: list[tuple[PositionId, Price, bool]] = field(default_factory=list)
    is_away: bool = False

    async def refresh(self, _token_id: TokenId) -> Market:
        return market(self.payouts)

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        if self.is_away:
            raise UnavailableError("no answer")
        return self.shares.get(token_id, Shares(Decimal(0)))

    async def list_dust(self) -> Sequence[PositionRecord]:
        return self.records

    async def settle_resolution(
        self, position_id: PositionId, payout: Price, *, redeemed: bool, now: datetime
    ) -> None:
        assert now == NOW
        self.booked.append((position_id, payout, redeemed))


def keeper(world: FakeWorld) -> DustKeeper:
    return DustKeeper(
        cast(OrderGateway, world),
        cast(PositionStore, world),
        cast(MarketDesk, world),
        lambda: NOW,
    )


WON = (Price(Decimal(1)), Price(Decimal(0)))


async def test_dust_of_an_open_market_is_left_alone() -> None:
    world = FakeWorld(None, records=[dust(YES)])
    assert await keeper(world).redeem() == 0
    assert world.booked == []


async def test_dust_is_booked_when_the_venue_has_paid() -> None:
    world = FakeWorld(WON, records=[dust(YES), dust(NO)])
    assert await keeper(world).redeem() == 2
    assert world.booked == [
        (PositionId("p-11"), WON[0], True),
        (PositionId("p-22"), WON[1], True),
    ]


async def test_dust_waits_for_the_venue_to_pay() -> None:
    world = FakeWorld(WON, {YES: Shares(Decimal("0.004"))}, [dust(YES)])
    assert await keeper(world).redeem() == 0


async def test_a_venue_that_is_away_ends_nothing() -> None:
    world = FakeWorld(WON, records=[dust(YES)], is_away=True)
    with pytest.raises(UnavailableError):
        await keeper(world).redeem()
