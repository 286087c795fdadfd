"""Finds markets by token and joins Gamma's description with the order book's own terms."""

from exchange.polymarket.endpoints import VenueAccess, is_position_id
from exchange.polymarket.rest import Rest
from exchange.polymarket.wire_clob import ClobMarketRow
from exchange.polymarket.wire_gamma import GammaMarketRow, read_markets
from exchange.port import WireError
from trading.types import (
    ONE,
    ZERO,
    ConditionId,
    FeeSchedule,
    Market,
    Price,
    Protocol,
    Shares,
    TokenId,
    Usd,
)

_HALF = Price(ONE / 2)
_WIN = Price(ONE)
_LOSE = Price(ZERO)


class Gamma:
    """The venue's directory of markets."""

    def __init__(self, access: VenueAccess) -> None:
        """Use the directory of these endpoints."""
        self._rest = Rest(access, access.endpoints.gamma)

    async def fetch_row(self, token_id: TokenId) -> GammaMarketRow | None:
        """Return the market of a token, None when the directory has none.

        Filters are repeated flat parameters, and closed markets are only found when asked for
        (docs/venue.md, "Gamma"); a filter that is ignored would bring other markets.
        """
        key = "position_ids" if is_position_id(token_id) else "clob_token_ids"
        for closed in ("false", "true"):
            payload = await self._rest.fetch(
                "/markets/keyset", (key, token_id), ("closed", closed), ("limit", "10")
            )
            rows = () if payload is None else read_markets(payload)
            found = next((row for row in rows if token_id in row.token_ids), None)
            if found is not None:
                return found
        return None


def market_of(row: GammaMarketRow, clob: ClobMarketRow | None, fees: FeeSchedule) -> Market:
    """Join both descriptions; tick size, minimum and acceptance are the order book's word.

    A market that the order book does not know yet accepts no orders.
    """
    if len(row.token_ids) != len(row.outcomes) or not row.token_ids:
        raise WireError(f"expected one token per outcome in {row.condition_id}, received {row}")
    tick_size = clob.minimum_tick_size if clob else row.tick_size
    min_size = clob.minimum_order_size if clob else row.min_size
    if tick_size is None or min_size is None:
        raise WireError(f"expected tick size and minimum of {row.condition_id}, received none")
    liquidity = row.liquidity if row.liquidity_num is None else row.liquidity_num
    volume = row.volume if row.volume_num is None else row.volume_num
    return Market(
        condition_id=ConditionId(row.condition_id),
        question=row.question,
        slug=row.slug,
        outcomes=row.outcomes,
        token_ids=row.token_ids,
        protocol=Protocol.PROTOCOL_V2 if row.is_protocol_v2 else Protocol.CLOB_V2,
        neg_risk=clob.neg_risk if clob else bool(row.neg_risk),
        tick_size=Price(tick_size),
        min_size=Shares(min_size),
        fees=fees,
        ends_at=row.end_date,
        is_active=bool(row.active),
        is_closed=bool(row.closed) or (clob is not None and clob.closed),
        accepts_orders=_accepts_orders(row, clob),
        liquidity=None if liquidity is None else Usd(liquidity),
        volume=None if volume is None else Usd(volume),
        payouts=payouts_of(row, clob),
        categories=row.categories,
    )


def _accepts_orders(row: GammaMarketRow, clob: ClobMarketRow | None) -> bool:
    # Where a result is on its way the venue still takes orders; no new money goes there.
    if clob is None or row.is_resolving:
        return False
    return clob.accepting_orders and row.accepting_orders is not False


def payouts_of(row: GammaMarketRow, clob: ClobMarketRow | None) -> tuple[Price, ...] | None:
    """Return what each outcome pays once the result stands, else None; void pays half each.

    A void market has no winner and final prices of one half; the same prices without the word
    "resolved" are only a market that stopped trading.
    """
    winners = {token.token_id for token in clob.tokens if token.winner} if clob else set()
    if len(winners) == 1:
        return tuple(_WIN if token_id in winners else _LOSE for token_id in row.token_ids)
    if row.is_resolved and row.pays_half_each:
        return tuple(_HALF for _ in row.token_ids)
    return None
