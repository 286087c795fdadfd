"""A chain that redeems, with what goes wrong there, beside the records and the fake venue."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select

from activities.redeeming import Redeeming, SendPorts
from activities.redemption import RedemptionActivities, RedemptionPorts
from exchange.port import UnavailableError
from exchange.redeem_port import ChainCall, RedeemAnswer, RedeemRequest, RedeemState
from storage.book_tables import ledger, limits
from tests.activities.desk import Desk
from tests.fakes import FakeLease
from trading.rules import RedemptionRules
from trading.types import (
    ZERO,
    Market,
    PositionId,
    Price,
    Settlement,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Wallet,
)

LIFE = timedelta(minutes=10)
RULES = RedemptionRules(grace=timedelta(seconds=3))
STEPS_MAX = 400


class Killed(BaseException):
    """The process ends here."""


@dataclass(slots=True)
class Mined:
    """A transaction of ours that the chain has carried out."""

    nonce: int
    paid: Decimal


@dataclass(slots=True)
class FakeChain:
    """Implements Redeemer: one transaction per nonce, mined a little later.

    `fates` befall the sendings in turn: ok, lost_before, lost_after, revert, slow, killed.
    """

    desk: Desk
    wallet: Wallet
    may_send: bool = True
    fates: list[str] = field(default_factory=list)
    reported_at: datetime | None = None  # the result; None: with the venue's
    payouts: tuple[Price, ...] | None = None  # where the chain says otherwise
    pays_itself_at: datetime | None = None
    nonce: int = 0
    mined: list[Mined] = field(default_factory=list)
    sent: list[RedeemRequest] = field(default_factory=list)
    burned: dict[TokenId, Decimal] = field(default_factory=dict)
    pending: list[tuple[datetime, RedeemRequest, str]] = field(default_factory=list)
    reverted: set[str] = field(default_factory=set)
    paid: Decimal = ZERO
    is_away: bool = False
    sending: Callable[[], Awaitable[None]] | None = None  # done while one is under way
    queues: bool = False  # takes transactions ahead of their turn, as nodes do

    async def fetch_payouts(self, market: Market) -> Sequence[Price] | None:
        self._turn()
        if self.reported_at is not None and self.desk.clock() < self.reported_at:
            return None
        return self.payouts or market.payouts

    async def fetch_held(self, market: Market) -> Sequence[Shares]:
        self._turn()
        return [self._held(token_id) for token_id in market.token_ids]

    async def prepare(self, market: Market) -> RedeemRequest:
        self._turn()
        return RedeemRequest(
            wallet=self.wallet,
            condition_id=market.condition_id,
            signature_type=SignatureType.POLY_1271,
            nonce=self._next(),
            calls=(ChainCall("0xadapter", "0xredeem"),),
            deadline_s=int((self.desk.clock() + LIFE).timestamp()),
        )

    async def redeem(self, request: RedeemRequest) -> RedeemAnswer:
        self._turn()
        if self.sending is not None:
            await self.sending()
        self.sent.append(request)
        fate = self.fates.pop(0) if self.fates else "ok"
        if fate == "lost_before":
            return RedeemAnswer("", "no answer")
        if request.nonce != self._next() or (self.pending and not self.queues):
            return RedeemAnswer("", "nonce used or wallet busy")
        late = timedelta(minutes=2) if fate == "slow" else timedelta(seconds=2)
        handle = f"t{len(self.sent)}"
        if fate == "revert":
            self.reverted.add(handle)
        self.pending.append((self.desk.clock() + late, request, handle))
        if fate == "killed":
            raise Killed
        return RedeemAnswer("", "no answer") if fate == "lost_after" else RedeemAnswer(handle)

    async def fetch_state(self, request: RedeemRequest, handle: str) -> RedeemState:
        self._turn()
        if handle in self.reverted and not any(h == handle for _, _, h in self.pending):
            return RedeemState.DEAD
        if self.nonce > request.nonce:
            return RedeemState.DONE
        is_late = self.desk.clock().timestamp() > request.deadline_s
        return RedeemState.DEAD if is_late else RedeemState.PENDING

    def _next(self) -> int:
        return self.nonce + (len(self.pending) if self.queues else 0)

    def _turn(self) -> None:
        """Do what is due on the chain."""
        if self.is_away:
            raise UnavailableError("expected a block, received none")
        now = self.desk.clock()
        if self.pays_itself_at is not None and now >= self.pays_itself_at:
            self._pay()
        due = [one for one in self.pending if one[0] <= now]
        self.pending = [one for one in self.pending if one[0] > now]
        for _, request, handle in due:
            if handle not in self.reverted:
                self.nonce += 1
                self.mined.append(Mined(request.nonce, self._pay()))

    def _pay(self) -> Decimal:
        market = self.desk.venue.market
        assert market is not None
        assert market.payouts is not None, "nothing is redeemed before the result"
        paid = ZERO
        for token_id, payout in zip(market.token_ids, market.payouts, strict=True):
            held = self._held(token_id)
            self.burned[token_id] = self.burned.get(token_id, ZERO) + held
            paid += held * payout
        self.paid += paid
        return paid

    def _held(self, token_id: TokenId) -> Shares:
        venue = self.desk.venue
        settled = [venue._settled(trade) for trade in venue.trades]
        sizes = (
            trade.size if trade.side is Side.BUY else -trade.size
            for trade in settled
            if trade.token_id == token_id and trade.settlement is Settlement.CONFIRMED
        )
        return Shares(sum(sizes, ZERO) - self.burned.get(token_id, ZERO))


def open_chain(desk: Desk, *fates: str) -> FakeChain:
    return FakeChain(desk, desk.venue.wallet, fates=list(fates))


def activities_of(
    desk: Desk,
    chain: FakeChain,
    rules: RedemptionRules = RULES,
    redeeming: type[Redeeming] = Redeeming,
    kind: type[RedemptionActivities] = RedemptionActivities,
) -> RedemptionActivities:
    return kind(ports_of(desk, chain, rules, redeeming), rules, desk.clock, desk.clock.pause)


def ports_of(
    desk: Desk,
    chain: FakeChain,
    rules: RedemptionRules = RULES,
    redeeming: type[Redeeming] = Redeeming,
) -> RedemptionPorts:
    store = desk.store
    driver = redeeming(SendPorts(chain, store, FakeLease()), rules, desk.clock)
    return RedemptionPorts(chain, driver, store, store, desk.markets)


async def redemption_cash(desk: Desk) -> Decimal:
    """Return what our ledger says that redemptions brought."""
    cash = select(func.coalesce(func.sum(ledger.c.cash), 0)).where(ledger.c.kind == "REDEMPTION")
    async with desk.store.transaction() as connection:
        return Decimal((await connection.execute(cash)).scalar_one())


async def limits_used(desk: Desk) -> Decimal:
    """Return the most that any limit says is used."""
    used = select(func.coalesce(func.max(limits.c.used), 0))
    async with desk.store.transaction() as connection:
        return Decimal((await connection.execute(used)).scalar_one())


async def check_books(desk: Desk, chain: FakeChain, position_id: PositionId) -> None:
    """Hold our books against the chain: paid once, to the cent, and nothing freed too soon."""
    position = await desk.position(position_id)
    market = desk.venue.market
    assert market is not None
    booked = await redemption_cash(desk)
    assert booked <= chain.paid, f"booked {booked} of {chain.paid} that the chain has paid"
    worth = [mined for mined in chain.mined if mined.paid]
    assert len(worth) <= 1, f"paid by {worth}"
    assert len({mined.nonce for mined in chain.mined}) == len(chain.mined) <= 1 + len(worth)
    assert len(chain.mined) <= 1, f"redeemed by {len(chain.mined)} transactions"
    if market.payouts is None or position.state.is_over:
        return
    place = market.token_ids.index(position.token_id)
    is_worth = market.payouts[place] > 0 and chain._held(position.token_id) > 0
    if is_worth and position.settled_size > 0 and position.size == position.settled_size:
        assert position.exposure > 0, f"freed in state {position.state}"
        assert await limits_used(desk) >= position.exposure


def draw_fates(rng: random.Random) -> list[str]:
    """Draw what befalls the first sendings."""
    choice = ("ok", "lost_before", "lost_after", "revert", "slow", "killed")
    return [rng.choice(choice) for _ in range(rng.randrange(4))]
