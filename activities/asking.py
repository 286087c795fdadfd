"""How whoever finds that a position must go reaches the one who may sell it."""

from typing import Protocol

from trading.types import ExitRequest, PositionId


class ExitAsker(Protocol):
    """Reaches the owners of positions."""

    async def ask_exit(self, position_id: PositionId, request: ExitRequest) -> bool:
        """Ask a position's owner to sell; return False when it cannot be reached now."""
