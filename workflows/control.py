"""What people may still ask of a running trade, and what they have asked already."""

import asyncio
import contextlib
from datetime import datetime
from enum import StrEnum

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.records import Command


class Stage(StrEnum):
    """How far a trade is; the text tells a person why it takes no command any more."""

    TRADING = "it is trading"
    HANDED_OVER = "the position's own workflow sells: ask that one"
    SETTLING = "all its orders have ended and only settle"
    CANCELLING = "it is cancelled already"
    ENDING = "it has been decided and is ending"


class Control:
    """The commands given to one trade, and how far the trade is."""

    def __init__(self) -> None:
        self.stage = Stage.TRADING
        self.is_held = False
        self.is_stopped = False
        self._is_cancelled = False
        self._trading: asyncio.Task[object] | None = None

    def check(self, command: Command) -> None:
        """Refuse a command that says too little or comes too late.

        Raises:
            ValueError: why it is refused; nothing of it is kept.
        """
        if not command.who or not command.why:
            raise ValueError("expected who and why, received an empty one")
        if self.stage is not Stage.TRADING or self._is_cancelled:
            stage = Stage.CANCELLING if self._is_cancelled else self.stage
            raise ValueError(f"expected a trade that can still be changed, but {stage}")

    def check_release(self, command: Command) -> None:
        """Refuse to release what nobody holds."""
        self.check(command)
        if not self.is_held:
            raise ValueError("expected a trade that is held, but nobody holds it")

    def begin(self) -> None:
        """Tell that the trade begins; it may have been cancelled before it could.

        Raises:
            asyncio.CancelledError: it was.
        """
        self._trading = asyncio.current_task()
        self.heed()

    def cancel(self) -> None:
        """Stop the trade where it stands, once; its clean-up is never stopped."""
        if self._is_cancelled:
            return
        self._is_cancelled = True
        if self._trading is not None:
            self._trading.cancel()

    def heed(self) -> None:
        """Stop here when a cancellation came while a step was ending, which then ends well.

        Raises:
            asyncio.CancelledError: the trade was cancelled, and nothing has stopped it yet.
        """
        if self._is_cancelled:
            raise asyncio.CancelledError

    def end(self) -> None:
        """Tell that the trade has ended and only answers are left to be given."""
        self.stage = Stage.ENDING
        self._trading = None

    async def until_free(self, deadline: datetime | None) -> bool:
        """Wait while the trade is held; False when it still is and nothing may be sent any more."""
        self.heed()
        if not self.is_held:
            return True
        left = None if deadline is None else deadline - workflow.now()
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: not self.is_held or self.is_stopped,
                timeout=left,
                timeout_summary="held until its deadline",
            )
        self.heed()
        return not self.is_held
