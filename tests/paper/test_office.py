"""Tests of how wallets' transactions are carried out, once per nonce."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from polymarket._internal.actions.relayer.calls import ctf_redeem_positions_call, router_redeem_call

from paper.contracts import COLLATERAL_ADAPTER, NEG_RISK_COLLATERAL_ADAPTER
from paper.derive import protocol_v2_ids
from paper.faults import Fault, FaultPlan, Point
from paper.ledger import BANK, CASH, MINT, Leg
from paper.model import MICROS, Dialect, VenueSettings
from paper.office import Asked, Kind, OfficeError, Stage
from paper.venue import Venue
from paper.wallet_calls import Call
from tests.paper.engine_room import ANNA, CONDITION, NO, YES, Clock, a_market
from tests.paper.test_wallet_calls import ctf, of, router

SETTINGS = VenueSettings(mined_after_s=Decimal(1), confirmed_after_s=Decimal(3), auto_redeem=False)
CONDITION_V2, TOKENS_V2 = protocol_v2_ids("play", "office")


def redeem_call(adapter: str = COLLATERAL_ADAPTER) -> Call:
    data = ctf_redeem_positions_call(
        ctf=adapter,  # type: ignore[arg-type]
        collateral="0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB",  # type: ignore[arg-type]
        condition_id=CONDITION,
    )
    return of(data)


def router_call(outcome: int, size: int) -> Call:
    return of(
        router_redeem_call(
            router="0x12121212006e4CD160D18e3f00711DA5c3372600",  # type: ignore[arg-type]
            condition_id=CONDITION_V2,
            outcome_index=outcome,
            amount=size,
        )
    )


class Room:
    """A venue with two resolved markets, of which a wallet holds ten and two shares each."""

    def __init__(self, home: Path) -> None:
        self.clock = Clock()
        self.home = home
        self.venue = Venue(None, SETTINGS, home=home, clock=self.clock)
        self.venue.add_market(a_market())
        self.venue.add_market(
            a_market(condition_id=CONDITION_V2, token_ids=TOKENS_V2, dialect=Dialect.PROTOCOL_V2)
        )
        for tokens in ((YES, NO), TOKENS_V2):
            ledger = self.venue._company.floor.ledger
            ledger.move(Leg(BANK, MINT, CASH, 10 * MICROS))
            for token, size in zip(tokens, (10 * MICROS, 2 * MICROS), strict=True):
                ledger.move(Leg(MINT, ANNA, token, size))
        for condition_id in (CONDITION, CONDITION_V2):
            self.venue.resolve_market(condition_id, (MICROS, 0))

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds * 2):
            self.clock.at += 500
            self.venue.step()

    def ask(self, *calls: Call, nonce: int = 0, kind: Kind = Kind.WALLET, **rest: object) -> str:
        asked = Asked(kind, ANNA, ANNA, nonce, calls or (redeem_call(),), **rest)  # type: ignore[arg-type]
        return self.venue.send(asked).transaction_id

    def stage(self, transaction_id: str) -> Stage:
        found = self.venue.transaction(transaction_id)
        assert found is not None
        return found.stage

    @property
    def cash(self) -> int:
        return self.venue.balance(ANNA, None)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_transaction_is_mined_then_confirmed_and_pays_once(room: Room) -> None:
    sent = room.ask()
    assert room.stage(sent) is Stage.NEW
    room.pass_by(1)
    assert (room.stage(sent), room.cash) == (Stage.MINED, 10 * MICROS)
    assert (room.venue.balance(ANNA, YES), room.venue.balance(ANNA, NO)) == (0, 0)
    room.pass_by(2)
    assert room.stage(sent) is Stage.CONFIRMED
    found = room.venue.transaction(sent)
    assert found is not None
    assert room.venue.mined_transaction(found.transaction_hash) is found
    assert room.venue.mined_transaction("0x") is None
    head = room.venue.block_number()
    [log] = [log for log in room.venue.logs(0, head) if len(log.topics) == 4]
    assert log.transaction_hash == found.transaction_hash
    with pytest.raises(OfficeError, match="batch nonce 0 does not match on-chain nonce 1"):
        room.ask()
    room.ask(nonce=1)
    room.pass_by(3)
    assert room.cash == 10 * MICROS


def test_several_calls_are_one_transaction(room: Room) -> None:
    room.ask(redeem_call(), router_call(0, 10 * MICROS), router_call(1, MICROS))
    room.pass_by(3)
    assert room.cash == 20 * MICROS
    assert room.venue.balance(ANNA, TOKENS_V2[1]) == MICROS


@pytest.mark.parametrize(
    "call",
    [
        router_call(0, 11 * MICROS),
        redeem_call(NEG_RISK_COLLATERAL_ADAPTER),
        of(ctf()),
        of(router()),
        Call(COLLATERAL_ADAPTER, "0x"),
    ],
)
def test_one_call_that_reverts_reverts_all_and_keeps_the_batchs_nonce(
    room: Room, call: Call
) -> None:
    sent = room.ask(redeem_call(), call)
    room.pass_by(2)
    assert (room.stage(sent), room.cash) == (Stage.FAILED, 0)
    assert room.venue.balance(ANNA, YES) == 10 * MICROS
    assert room.venue.nonce(Kind.WALLET, ANNA) == 0


def test_a_router_gives_no_share_twice_in_one_transaction(room: Room) -> None:
    sent = room.ask(router_call(0, 6 * MICROS), router_call(0, 6 * MICROS))
    room.pass_by(2)
    assert (room.stage(sent), room.cash) == (Stage.FAILED, 0)


def test_a_wallet_has_one_transaction_under_way(room: Room) -> None:
    sent = room.ask()
    with pytest.raises(OfficeError, match=f"wallet busy: active action {sent}"):
        room.ask()


def test_a_plain_key_uses_its_nonce_up_also_when_reverted(room: Room) -> None:
    room.venue.put_faults(FaultPlan((Fault(Point.RELAY, "revert", count=1),)))
    sent = room.ask(kind=Kind.EOA, transaction_hash="0x01")
    assert room.venue.nonce(Kind.EOA, ANNA) == 0
    assert room.venue.nonce(Kind.EOA, ANNA, pending=True) == 1
    with pytest.raises(OfficeError, match="already known"):
        room.ask(kind=Kind.EOA, transaction_hash="0x01")
    with pytest.raises(OfficeError, match="underpriced"):
        room.ask(kind=Kind.EOA, transaction_hash="0x02")
    room.pass_by(2)
    assert (room.stage(sent), room.cash) == (Stage.FAILED, 0)
    with pytest.raises(OfficeError, match="nonce too low: next nonce 1, tx nonce 0"):
        room.ask(kind=Kind.EOA, transaction_hash="0x01")
    with pytest.raises(OfficeError, match="nonce too high"):
        room.ask(kind=Kind.EOA, nonce=5)
    with pytest.raises(OfficeError, match="invalid nonce"):
        room.ask(kind=Kind.SAFE, nonce=5)


def test_a_batch_that_comes_or_is_mined_too_late_does_nothing(room: Room) -> None:
    now = room.clock.at // 1000
    with pytest.raises(OfficeError, match="has passed"):
        room.ask(deadline=now - 1)
    sent = room.ask(deadline=now)
    room.pass_by(3)
    assert (room.stage(sent), room.cash) == (Stage.FAILED, 0)


@pytest.mark.parametrize("fault", ["pending", "vanish"])
def test_a_transaction_may_hang_or_never_be_mined(room: Room, fault: str) -> None:
    room.venue.put_faults(FaultPlan((Fault(Point.RELAY, fault, delay_ms=5_000),)))
    sent = room.ask()
    room.pass_by(4)
    assert room.stage(sent) is Stage.NEW
    room.pass_by(4)
    assert room.stage(sent) is (Stage.CONFIRMED if fault == "pending" else Stage.NEW)


def test_what_is_under_way_goes_on_after_a_restart(room: Room) -> None:
    sent = room.ask()
    room.venue.close()
    room.venue = Venue(None, SETTINGS, home=room.home, clock=room.clock)
    assert room.stage(sent) is Stage.NEW
    room.pass_by(4)
    assert (room.stage(sent), room.cash) == (Stage.CONFIRMED, 10 * MICROS)
    assert room.venue.nonce(Kind.WALLET, ANNA) == 1
    assert len(room.venue.redemptions()) == 2
    room.venue.close()


def test_without_auto_redeem_a_client_keeps_its_tokens(room: Room) -> None:
    room.pass_by(10)
    assert room.venue.balance(ANNA, YES) == 10 * MICROS
    assert room.venue.is_done


def test_by_default_the_platform_redeems_for_everybody(tmp_path: Path) -> None:
    room = Room(tmp_path / "first")
    room.venue.close()
    settings = replace(SETTINGS, auto_redeem=True)
    room.venue = Venue(None, settings, home=room.home, clock=room.clock)
    room.pass_by(5)
    assert room.venue.balance(ANNA, YES) == 0
    assert room.cash == 20 * MICROS
    room.venue.close()
