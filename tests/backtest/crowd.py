"""A file of fills of many wallets: most flip coins, some may know who wins."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from random import Random

from backtest.fill_file import read_fills
from backtest.fill_history import AssumedBook, FillHistory
from tests.backtest.past import START

HEAD = (
    "traded_at,wallet,name,condition_id,token_id,outcome,category,side,price,size,"
    "ends_at,resolved_at,payout\n"
)
_MARKET_LASTS = timedelta(hours=3)


def a_wallet(number: int) -> str:
    return f"0x{number + 1:040x}"


def write_crowd(
    path: Path, seed: int, wallets: int, markets: int, knows: Mapping[int, float] | None = None
) -> None:
    """Write one bet of $2,000 at 0.50 for each wallet and market, two markets a day.

    `knows` is by wallet the probability with which it takes the later winner.
    """
    chance = Random(seed)
    with path.open("w") as file:
        file.write(HEAD)
        for number in range(markets):
            begins = START + number * timedelta(hours=12)
            ends = begins + _MARKET_LASTS
            winner = chance.randrange(2)
            for wallet in range(wallets):
                is_right = chance.random() < (knows or {}).get(wallet, 0.5)
                token = winner if is_right else 1 - winner
                at = begins + timedelta(seconds=20 * wallet)
                file.write(
                    f"{at.isoformat()},{a_wallet(wallet)},w{wallet},m{number},m{number}-{token},"
                    f"{token},c{number % 10},BUY,0.50,4000,{ends.isoformat()},"
                    f"{(ends + timedelta(minutes=1)).isoformat()},{1 if token == winner else 0}\n"
                )


def a_crowd(
    path: Path, seed: int, wallets: int, markets: int, knows: Mapping[int, float] | None = None
) -> FillHistory:
    write_crowd(path, seed, wallets, markets, knows)
    return FillHistory(read_fills(path), AssumedBook())
