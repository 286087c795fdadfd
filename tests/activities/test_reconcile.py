"""What is due is looked at: at the start, every five minutes, after every reconnect."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from activities.reconcile import FullPass
from exchange.port import UnavailableError
from storage.reconcile_port import ACCOUNT_STREAM
from tests.activities.accounts import reconciler
from tests.activities.desk import Desk
from trading.rules import ReconcileRules

RULES = ReconcileRules()


@dataclass(slots=True)
class Counted:
    """A part that counts its turns."""

    name: str = "counted"
    every: timedelta = timedelta(seconds=1)
    full_turns: list[str] = field(default_factory=list)
    is_away: bool = False

    async def turn(self) -> None:
        raise NotImplementedError

    async def full_turn(self) -> None:
        if self.is_away:
            raise UnavailableError("expected an answer, received none")
        self.full_turns.append(self.name)


async def test_a_full_pass_is_made_at_the_start_in_time_and_after_a_reconnect(desk: Desk) -> None:
    first, second = Counted("first"), Counted("second")
    full = FullPass([first, second], desk.store, RULES, desk.clock)
    await full.turn()
    await full.turn()
    assert (first.full_turns, second.full_turns) == (["first"], ["second"])
    desk.clock.advance(RULES.full_every)
    await full.turn()
    await desk.store.save_cursor(ACCOUNT_STREAM, "anew", desk.clock())
    await full.turn()
    await full.turn()
    assert len(first.full_turns) == 3
    assert full.every == RULES.look_every


async def test_a_pass_that_fails_is_made_again_at_the_next_turn(desk: Desk) -> None:
    part = Counted(is_away=True)
    full = FullPass([part], desk.store, RULES, desk.clock)
    with pytest.raises(UnavailableError):
        await full.turn()
    part.is_away = False
    await full.turn()
    assert part.full_turns == ["counted"]


async def test_a_quiet_account_passes_in_full(desk: Desk) -> None:
    parts = reconciler(desk)
    await desk.opened()
    full = FullPass([parts.trades, parts.orders, parts.balances], desk.store, RULES, desk.clock)
    await full.turn()
    assert await desk.store.load_suspicions() == {}
    assert parts.account.asked == [*dict.fromkeys(parts.account.asked)]
