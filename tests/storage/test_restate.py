from dataclasses import replace

import pytest

from storage.figures import Figures, compute_figures
from storage.postgres import PostgresStore
from storage.restate import next_state, stake_of_position
from tests.storage.builders import MARKET, WALLET, WHALE, bought, shares
from trading.types import PositionState

NOTHING = compute_figures([])
HELD = replace(NOTHING, size=shares(10), was_bought=True)
SOLD = replace(NOTHING, was_bought=True)
DUST = replace(NOTHING, size=shares("0.01"), was_bought=True)
OPENING, OPEN, CLOSED = PositionState.OPENING, PositionState.OPEN, PositionState.CLOSED
EXITING, RESOLVED, REDEEMED = (
    PositionState.EXITING,
    PositionState.RESOLVED,
    PositionState.REDEEMED,
)


@pytest.mark.parametrize(
    ("state", "figures", "is_waiting", "expected"),
    [
        (OPENING, NOTHING, True, OPENING),
        (OPENING, NOTHING, False, CLOSED),
        (OPENING, HELD, True, OPEN),
        (OPENING, HELD, False, OPEN),
        (OPEN, NOTHING, True, OPENING),
        (OPEN, NOTHING, False, CLOSED),
        (OPEN, SOLD, True, OPEN),
        (OPEN, SOLD, False, CLOSED),
        (OPEN, DUST, False, CLOSED),
        (OPEN, HELD, False, OPEN),
        (EXITING, SOLD, False, EXITING),
        (EXITING, HELD, True, EXITING),
        (RESOLVED, SOLD, False, RESOLVED),
        (CLOSED, DUST, False, CLOSED),
        (CLOSED, HELD, True, OPEN),
        (REDEEMED, SOLD, False, REDEEMED),
        (REDEEMED, HELD, False, RESOLVED),
    ],
)
def test_the_state_follows_from_what_is_held_and_what_may_come(
    state: PositionState, figures: Figures, is_waiting: bool, expected: PositionState
) -> None:
    assert next_state(state, figures, is_waiting=is_waiting) is expected


async def test_a_position_counts_at_four_limits(funded: PostgresStore) -> None:
    stake = stake_of_position(await bought(funded))
    assert stake.wallet == WALLET
    assert stake.whale == WHALE
    assert stake.condition_id == MARKET
