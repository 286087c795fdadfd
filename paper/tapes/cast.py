"""The made-up wallets of the shipped tape: how each one trades, and the past it is given."""

import hashlib
import random
from dataclasses import dataclass
from enum import Enum

from eth_utils.address import to_checksum_address

from paper.model import MICROS
from paper.tape import ClosedTrade, TapeWallet

_DAY_MS = 86_400_000
_CATEGORIES = ("crypto", "sports", "politics", "economics", "culture", "weather", "tech")


class Style(Enum):
    """How a wallet's orders reach the book."""

    TAKER = "takes levels whole"
    SLICED = "takes levels in 10 to 100 fills"
    MAKER = "rests at one price and is hit"


@dataclass(frozen=True, slots=True)
class Character:
    """A made-up wallet.

    `right_share` is the share of its markets in which it buys the side that wins; `win_share` and
    `trades` over `days` make its past. `sells` says that it sells again what it bought.
    """

    name: str
    skill: str
    style: Style
    right_share: float
    win_share: float
    trades: int
    days: int
    sells: bool = False


CAST = (
    Character("kestrel", "skilful", Style.TAKER, 0.8, 0.75, 260, 170),
    Character("heron", "skilful", Style.SLICED, 0.7, 0.72, 210, 150, sells=True),
    Character("osprey", "skilful", Style.MAKER, 0.75, 0.7, 180, 140),
    Character("avocet", "skilful", Style.TAKER, 0.65, 0.71, 320, 160, sells=True),
    Character("plover", "mediocre", Style.TAKER, 0.5, 0.51, 150, 130),
    Character("coot", "mediocre", Style.SLICED, 0.5, 0.5, 110, 120, sells=True),
    Character("dodo", "bad", Style.TAKER, 0.2, 0.37, 140, 140, sells=True),
    Character("auk", "bad", Style.MAKER, 0.25, 0.4, 90, 110),
    Character("fledgling", "unproven", Style.TAKER, 0.6, 0.75, 12, 18),
)


def make_wallet(character: Character, ends_at: int, seed: int) -> TapeWallet:
    """Invent the wallet's address and its past, all of it closed before `ends_at` (Unix ms)."""
    digest = hashlib.sha256(f"made-up wallet {character.name}".encode()).hexdigest()
    chance = random.Random(f"{seed} {character.name}")  # noqa: S311  a story, not a secret
    wins = [i < round(character.trades * character.win_share) for i in range(character.trades)]
    chance.shuffle(wins)
    step = character.days * _DAY_MS // character.trades
    starts = (ends_at - (i + 1) * step for i in reversed(range(character.trades)))
    trades = (
        _trade(chance, start, min(start + step * chance.randint(1, 4), ends_at - 1), is_won=won)
        for start, won in zip(starts, wins, strict=True)
    )
    history = tuple(sorted(trades, key=lambda trade: trade.closed_at))
    address = to_checksum_address("0x" + digest[:40])
    return TapeWallet(address, character.name, character.skill, history)


def _trade(chance: random.Random, opened_at: int, closed_at: int, *, is_won: bool) -> ClosedTrade:
    """Buy at 0.40 to 0.60, hold to the end, or leave early with part of the gain or the loss."""
    category = chance.choice(_CATEGORIES)
    notional = chance.randrange(800, 9_000) * MICROS
    price = chance.randrange(400_000, 600_001)
    exit_price = MICROS if is_won else 0
    if chance.randrange(3) == 0:
        exit_price = price + (1 if is_won else -1) * chance.randrange(50_000, 250_001)
    fee_bps = 700 if category == "crypto" else 500  # of shares * price * (1 - price), on top
    cost = price + price * (MICROS - price) // MICROS * fee_bps // 10_000
    pnl = notional * (exit_price - cost) // cost
    return ClosedTrade(opened_at, closed_at, category, notional, pnl)
