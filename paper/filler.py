"""Invents small fills of wallets that nobody follows, as the real public tape is full of them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from paper.books import opposite
from paper.crowd import Crowd
from paper.derive import draw, hash_text, uuid_text, wallet_address
from paper.matching import notional, taker_fee
from paper.model import MICROS, Market, Side, Trade, TradeStatus
from paper.registry import Listing

WALLETS = 200
SHARES_MAX = 60
TRIES_MAX = 10  # to find a side of a book that is not empty
BURST_MAX = 50  # fills at once after a pause; what is older is left out


class Filler:
    """Makes `rate` fills a second over all markets with a book; they touch no book and no ledger.

    Each is `invented`, final at once, at the best price there is. The choice of market, wallet
    and size follows from the seed and the number of the fill.
    """

    def __init__(self, rate: Decimal, seed: int, crowd: Crowd, play_id: str) -> None:
        self._rate = rate
        self._seed = seed
        self._crowd = crowd
        self._play_id = play_id
        self._wallets = tuple(wallet_address("filler", index) for index in range(WALLETS))
        self._started_at: int | None = None
        self._number = 0

    def due(self, listings: Sequence[Listing], now: int) -> Iterator[Trade]:
        """Yield the fills that are due by now."""
        if self._started_at is None:
            self._started_at = now
        target = int((now - self._started_at) * self._rate / 1000)
        self._number = max(self._number, target - BURST_MAX)
        while self._number < target:
            self._number += 1
            trade = self._invent(listings, now)
            if trade is not None:
                yield trade

    def _invent(self, listings: Sequence[Listing], now: int) -> Trade | None:
        live = [listing for listing in listings if listing.market.accepting_orders]
        tries = (self._try(live, number, now) for number in range(TRIES_MAX if live else 0))
        return next((trade for trade in tries if trade is not None), None)

    def _try(self, live: Sequence[Listing], number: int, now: int) -> Trade | None:
        key = (self._play_id, self._seed, self._started_at, self._number, number)
        listing = live[draw(len(live), "market", *key)]
        outcome = draw(2, "outcome", *key)
        side = Side.BUY if draw(2, "side", *key) else Side.SELL
        best = listing.book.best(opposite(listing.in_book_terms(outcome, side, 0)[0]))
        if best is None:
            return None
        price = MICROS - best if outcome else best
        size = (1 + draw(SHARES_MAX, "size", *key)) * MICROS
        return self._trade(listing.market, (outcome, side), (price, size), now)

    def _trade(
        self, market: Market, taker: tuple[int, Side], fill: tuple[int, int], now: int
    ) -> Trade:
        (outcome, side), (price, size) = taker, fill
        key = (self._play_id, self._seed, self._started_at, self._number)
        return Trade(
            trade_id=uuid_text("filler", *key),
            taker_order_id=hash_text("filler order", *key),
            owner="",
            wallet=self._wallets[draw(WALLETS, "wallet", *key)],
            condition_id=market.condition_id,
            token_id=market.token_ids[outcome],
            outcome=market.outcomes[outcome],
            side=side,
            size=size,
            price=price,
            cost=notional(size, price),
            fee=taker_fee(size, price, market.fee_rate, market.fee_exponent),
            status=TradeStatus.CONFIRMED,
            matched_at=now,
            updated_at=now,
            makers=(self._crowd.maker(market, taker, fill),),
            transaction_hash=hash_text("filler transaction", *key),
            invented=True,
        )
