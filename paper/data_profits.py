"""The Data API's rankings: leaderboard, and a wallet's profit and volume over time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import web

from paper.data_holdings import Holdings
from paper.data_rows import Row
from paper.data_wire import PAGE_DEFAULT, PAGE_MAX, optional_user, paged, required_user
from paper.names import invented_name
from paper.notation import json_number
from paper.pasts import Outcome
from paper.query import choice, page
from paper.venue import Venue

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WINDOWS = {"day": DAY_MS, "week": 7 * DAY_MS, "month": 30 * DAY_MS, "all": None}
INTERVALS = {
    "max": None,
    "all": None,
    "1m": 30 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1d": DAY_MS,
    "12h": 12 * HOUR_MS,
    "6h": 6 * HOUR_MS,
}
FIDELITIES = {
    "1d": DAY_MS,
    "18h": 18 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "3h": 3 * HOUR_MS,
    "1h": HOUR_MS,
}
POINTS_MAX = 2_000


@dataclass(slots=True)
class Total:
    """Sums of outcomes, in micros; `volume` is shares."""

    pnl: int = 0
    volume: int = 0
    notional: int = 0
    count: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome in."""
        self.pnl += outcome.pnl
        self.volume += outcome.volume
        self.notional += outcome.notional
        self.count += 1


def total(outcomes: Iterable[Outcome]) -> Total:
    """Add outcomes up."""
    added = Total()
    for outcome in outcomes:
        added.add(outcome)
    return added


class DataProfits:
    """Answers about what wallets earned."""

    def __init__(self, venue: Venue, holdings: Holdings) -> None:
        self._venue = venue
        self._holdings = holdings

    def leaderboard(self, request: web.Request) -> Row:
        """Rank the tape's wallets, all invented; with `user` tell one wallet's ranks alone."""
        window = WINDOWS[choice(request, "time_period", tuple(WINDOWS), "all")]
        by = choice(request, "sort_by", ("PNL", "VOLUME"), "PNL")
        totals = {
            wallet.address: self._total(wallet.address, window)
            for wallet in self._holdings.tape_wallets()
        }
        user = optional_user(request)
        if user is not None:
            return {"data": self._standing(user, totals, window)}
        ranked = _ranked(totals, by)
        rows = [
            self._ranked_row(address, totals[address]) | {"rank": rank}
            for rank, address in enumerate(ranked, start=1)
        ]
        return paged(rows, page(request, "cursor", default=PAGE_DEFAULT, at_most=PAGE_MAX))

    def user_stats(self, request: web.Request) -> Row:
        """Tell how many markets a wallet traded and what it won at most; null if it never did."""
        user = required_user(request)
        past, holdings = self._holdings.past(user), self._holdings.of_wallet(user)
        found = self._holdings.outcomes(user)
        count = len(holdings) + (len(past.history) if past else 0)
        if not count:
            return {"data": None}
        began = [holding.first_at for holding in holdings]
        began += [trade.opened_at for trade in past.history] if past else []
        return {
            "data": {
                "proxy_wallet": user,
                "trades": count,
                "biggest_win": json_number(max([0, *(outcome.pnl for outcome in found)])),
                "views": 0,
                "join_date": min(began) // 1000,
                "all_time_pnl": self._point(self._venue.now(), total(found)),
                "invented": past is not None,
            }
        }

    def user_pnl(self, request: web.Request) -> Row:
        """Tell a wallet's realised profit, cumulative, one point per step in which it changed."""
        user = required_user(request)
        interval = choice(request, "interval", tuple(INTERVALS), "max")
        fidelity = choice(request, "fidelity", tuple(FIDELITIES), "1d")
        since = self._since(INTERVALS[interval])
        points = [
            self._point(at, added)
            for at, added in _steps(self._holdings.outcomes(user), FIDELITIES[fidelity])
            if at >= since
        ]
        return {
            "data": {
                "proxy_wallet": user,
                "interval": interval,
                "fidelity": fidelity,
                "source_fidelity": fidelity,
                "points": points[-POINTS_MAX:],
                "invented": self._holdings.past(user) is not None,
            }
        }

    def user_volume(self, request: web.Request) -> Row:
        """Tell what a wallet's exits came to."""
        added = total(self._holdings.outcomes(required_user(request)))
        return {
            "data": {
                "volume": json_number(added.volume),
                "volume_usdc": json_number(added.notional),
                "trade_count": added.count,
            }
        }

    def _total(self, wallet: str, window: int | None) -> Total:
        since = self._since(window)
        found = self._holdings.outcomes(wallet)
        return total(outcome for outcome in found if outcome.at >= since)

    def _since(self, window: int | None) -> int:
        return 0 if window is None else self._venue.now() - window

    def _standing(self, user: str, totals: dict[str, Total], window: int | None) -> Row | None:
        added = totals.get(user) or self._total(user, window)
        if not added.count:
            return None
        ranks = {f"rank_{by.lower()}": _rank(totals, by, user) for by in ("PNL", "VOLUME")}
        return self._ranked_row(user, added) | ranks

    def _ranked_row(self, address: str, added: Total) -> Row:
        past = self._holdings.past(address)
        row: Row = {
            "user_id": address,
            "user_name": invented_name(past.name) if past else "",
            "pnl": json_number(added.pnl),
            "volume": json_number(added.volume),
            "profile_image": "",
            "x_username": "",
            "verified": False,
        }
        return row | {"invented": True} if past else row

    def _point(self, at: int, added: Total) -> Row:
        pnl = json_number(added.pnl)
        return {
            "timestamp": at // 1000,
            "source_block": self._venue.block_number(),
            "trade_count": added.count,
            "realized_market_pnl": pnl,
            "realized_lp_pnl": 0,
            "realized_combo_pnl": 0,
            "realized_pnl": pnl,
            "volume": json_number(added.volume),
            "volume_usdc": json_number(added.notional),
        }


def _ranked(totals: dict[str, Total], by: str) -> list[str]:
    return sorted(
        totals, key=lambda a: totals[a].pnl if by == "PNL" else totals[a].volume, reverse=True
    )


def _rank(totals: dict[str, Total], by: str, user: str) -> int:
    """Return a wallet's rank, 0 for one that is not ranked."""
    ranked = _ranked(totals, by)
    return ranked.index(user) + 1 if user in ranked else 0


def _steps(outcomes: Sequence[Outcome], step: int) -> list[tuple[int, Total]]:
    """Return cumulative sums at the end of every step that has an outcome."""
    sums: dict[int, Total] = {}
    added = Total()
    for outcome in outcomes:
        added.add(outcome)
        end = outcome.at - outcome.at % step + step
        sums[end] = Total(added.pnl, added.volume, added.notional, added.count)
    return sorted(sums.items())
