from datetime import date

from dashboard.earnings import view_earnings
from storage.accounts import Account
from storage.view_pnl import DayLine, PnlLine, PnlTotal
from tests.storage.builders import WALLET, usd
from trading.portfolio import Pnl

PNL = Pnl(3, 1, usd("200"), usd("230.25"), usd("0.5"), usd("0.5"))


def total(cash: str, deposits: str = "10000") -> PnlTotal:
    return PnlTotal(WALLET, PNL, Account(usd(cash), usd(deposits), usd(0), usd(0), usd("230.25")))


def test_earnings_are_laid_out_with_a_gap_of_zero_when_they_add_up() -> None:
    day = DayLine(date(2026, 10, 1), 2, usd("0.5"), None)
    told = view_earnings(total("9800.5"), [PnlLine("0xw", "Deep", PNL)], [], [day])
    assert isinstance(told, dict)
    assert told["gap"] == "0"
    assert told["gain"] == "0.003075"
    assert told["whales"] == [
        {
            "key": "0xw",
            "label": "Deep",
            "positions": 3,
            "held": 1,
            "cost": "200",
            "bid_value": "230.25",
            "fees": "0.5",
            "realised_pnl": "0.5",
            "unrealised_pnl": "30.25",
            "pnl": "30.75",
        }
    ]
    assert told["days"] == [
        {
            "key": "2026-10-01",
            "label": "2026-10-01",
            "positions": 2,
            "realised_pnl": "0.5",
            "equity": None,
        }
    ]


def test_a_gap_is_told_and_nothing_is_gained_of_nothing() -> None:
    told = view_earnings(total("9801.5", "0"), [], [], [])
    assert isinstance(told, dict)
    assert (told["gap"], told["gain"]) == ("-10001", None)
