"""What exposure in one market is held against: its own cap, or its share of the portfolio."""

from decimal import ROUND_FLOOR, Decimal

from trading.types import MICRO, ZERO, Reason, Usd


def share_cap(share: Decimal, equity: Decimal) -> Usd:
    """Return a share of the portfolio, rounded down; nothing of a portfolio that is worth less."""
    return Usd((share * max(equity, ZERO)).quantize(MICRO, ROUND_FLOOR))


def market_cap(cap: Decimal, share: Decimal, equity: Decimal) -> tuple[Usd, Reason]:
    """Return what a market may hold, and why more is refused: the smaller of its two caps."""
    own, of_portfolio = Usd(cap.quantize(MICRO, ROUND_FLOOR)), share_cap(share, equity)
    if of_portfolio < own:
        return of_portfolio, Reason.PORTFOLIO_LIMIT
    return own, Reason.MARKET_LIMIT
