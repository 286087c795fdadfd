"""Why a position's owner refuses what a person asks; nothing of it is kept then."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.records import Command, PositionReview, ShareCommand
    from trading.types import ONE, ZERO, LevelChange


def check_words(asked: Command | ShareCommand | LevelChange, *, is_over: bool) -> None:
    """Refuse what does not say who and why, and what comes too late.

    Raises:
        ValueError: why it is refused.
    """
    if not asked.who or not asked.why:
        raise ValueError("expected who and why, received an empty one")
    if is_over:
        raise ValueError("expected a position that is held, but it is over")


def check_close(review: PositionReview | None) -> None:
    """Refuse to sell what is paid out. How much is held is not asked: more may have come since.

    Raises:
        ValueError: why it is refused.
    """
    if review is not None and review.is_resolved:
        raise ValueError("expected a position to sell, but its market has resolved: it is paid out")


def check_share(command: ShareCommand) -> None:
    """Refuse a share outside (0, 1], and a lowest price outside (0, 1).

    Raises:
        ValueError: it is.
    """
    if not ZERO < command.share <= ONE:
        raise ValueError(f"expected a share above 0 and at most 1, received {command.share}")
    if command.lowest is not None and not ZERO < command.lowest < ONE:
        raise ValueError(f"expected a lowest price between 0 and 1, received {command.lowest}")


def check_levels(change: LevelChange) -> None:
    """Refuse prices outside [0, 1), of which zero drops a level, and a change of nothing.

    Raises:
        ValueError: why it is refused.
    """
    asked = (change.stop_loss_price, change.take_profit_price, change.trailing_stop_price)
    prices = [price for price in asked if price is not None]
    if not prices:
        raise ValueError("expected a level to set or to drop, received none")
    for price in prices:
        if not ZERO <= price < ONE:
            raise ValueError(f"expected prices from 0 (off) to below 1, received {price}")


def check_release(held_by: str) -> None:
    """Refuse to release what nobody holds.

    Raises:
        ValueError: nobody does.
    """
    if not held_by:
        raise ValueError("expected a position that is held, but nobody holds it")
