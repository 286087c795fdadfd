from dataclasses import replace
from decimal import Decimal

import pytest

from activities.records import Command, PositionReview, ShareCommand
from tests.storage.builders import price, shares, usd
from trading.types import LevelChange, PositionId, PositionState
from workflows.position_checks import (
    check_close,
    check_levels,
    check_release,
    check_share,
    check_words,
)

REVIEW = PositionReview(
    PositionId("p"), PositionState.OPEN, shares(3), shares(3), 0, usd(0), "", 300
)


@pytest.mark.parametrize("asked", [Command("", "why"), LevelChange("who", "")])
def test_nobody_asks_without_who_and_why(asked: Command | LevelChange) -> None:
    with pytest.raises(ValueError, match="who and why"):
        check_words(asked, is_over=False)


def test_nobody_asks_anything_of_what_is_over() -> None:
    check_words(Command("ann", "news"), is_over=False)
    with pytest.raises(ValueError, match="it is over"):
        check_words(Command("ann", "news"), is_over=True)


def test_what_cannot_be_sold_is_not_closed() -> None:
    check_close(None)
    check_close(REVIEW)
    with pytest.raises(ValueError, match="paid out"):
        check_close(replace(REVIEW, is_resolved=True))


@pytest.mark.parametrize("share", ["0", "-0.5", "1.01"])
def test_a_share_is_above_nothing_and_at_most_everything(share: str) -> None:
    with pytest.raises(ValueError, match="expected a share"):
        check_share(ShareCommand("ann", "news", Decimal(share)))
    check_share(ShareCommand("ann", "news", Decimal(1)))


def test_levels_are_prices_or_off() -> None:
    check_levels(LevelChange("ann", "news", price("0.5"), price(0)))
    with pytest.raises(ValueError, match="received none"):
        check_levels(LevelChange("ann", "news"))
    for wrong in ("1", "-0.1"):
        with pytest.raises(ValueError, match="below 1"):
            check_levels(LevelChange("ann", "news", take_profit_price=price(wrong)))


def test_only_what_is_held_is_released() -> None:
    check_release("ann: news")
    with pytest.raises(ValueError, match="nobody holds"):
        check_release("")
