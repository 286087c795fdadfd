"""Scripts of what wallets do besides trading, under /_paper; production's wallets need none."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation

from aiohttp import web
from eth_utils.address import is_address, to_checksum_address

from paper.data_wire import refused
from paper.derive import hash_text
from paper.model import MICROS
from paper.public_trades import PublicTrades
from paper.stakes import StakeKind, StakeMove
from paper.venue import Venue

MOVES_MAX = 100_000
SIZE_MAX = Decimal(1_000_000_000)


class MoveDesk:
    """Takes moves and gives them to the public record, where they show like everything else.

    They are kept in memory alone: a venue that starts anew has forgotten them.
    """

    def __init__(self, venue: Venue, trades: PublicTrades) -> None:
        self._venue = venue
        self._trades = trades

    async def serve(self, request: web.Request) -> web.Response:
        """Note `{wallet, type, condition_id, size}` as done now; answer with what was noted."""
        try:
            body = await request.json()
            move = self._read(body if isinstance(body, dict) else {})
        except ValueError as error:
            return refused(str(error))
        self._trades.note_move(move)
        return web.json_response(asdict(move))

    def _read(self, body: Mapping[str, object]) -> StakeMove:
        wallet, condition_id = str(body.get("wallet")), str(body.get("condition_id"))
        market = self._venue.market(condition_id)
        number = self._trades.move_count
        if not is_address(wallet):
            raise ValueError(f"wallet must be an address, got {wallet[:60]!r}")
        if market is None:
            raise ValueError(f"condition_id must be a market's, got {condition_id[:80]!r}")
        if number >= MOVES_MAX:
            raise ValueError(f"expected at most {MOVES_MAX} moves")
        return StakeMove(
            wallet=to_checksum_address(wallet),
            kind=StakeKind(str(body.get("type"))),
            condition_id=market.condition_id,
            size=_micros(body.get("size")),
            at=self._venue.now(),
            transaction_hash=hash_text("move", wallet, condition_id, str(number)),
        )


def _micros(size: object) -> int:
    try:
        number = Decimal(str(size))
    except InvalidOperation as error:
        raise ValueError(f"size must be a number, got {str(size)[:40]!r}") from error
    if not number.is_finite() or not 0 < number <= SIZE_MAX:
        raise ValueError(f"size must be above 0 and at most {SIZE_MAX}, got {str(size)[:40]!r}")
    return int(number * MICROS)
