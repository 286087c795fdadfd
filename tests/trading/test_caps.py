from decimal import Decimal

import pytest

from trading.caps import market_cap, share_cap
from trading.types import Reason


@pytest.mark.parametrize(
    ("cap", "equity", "expected"),
    [
        ("5000", "100000", ("5000", Reason.MARKET_LIMIT)),
        ("5000", "25000", ("5000", Reason.MARKET_LIMIT)),  # equal: the market's own
        ("5000", "24999", ("4999.8", Reason.PORTFOLIO_LIMIT)),
        ("5000", "-1", ("0", Reason.PORTFOLIO_LIMIT)),
    ],
)
def test_a_market_is_held_against_the_smaller_of_its_caps(
    cap: str, equity: str, expected: tuple[str, Reason]
) -> None:
    limit, reason = market_cap(Decimal(cap), Decimal("0.20"), Decimal(equity))
    assert (limit, reason) == (Decimal(expected[0]), expected[1])


def test_caps_are_never_rounded_up() -> None:
    assert share_cap(Decimal("0.2"), Decimal("0.000009")) == Decimal("0.000001")
    assert market_cap(Decimal("1.0000019"), Decimal(1), Decimal(9))[0] == Decimal("1.000001")
