"""The final report: our records held against the venue's own books, to the micro-unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import aiohttp

from answers import short
from embedded.temporal_keys import NO_KEY_FILES, TemporalKeyFiles
from storage.audit import (
    Hop,
    OrderSum,
    SignalCounts,
    count_left,
    count_signals,
    list_worthless,
    measure_latency,
    sum_cash,
    sum_orders,
    sum_realised,
    sum_shares,
)
from storage.limits import audit_limits
from storage.postgres import PostgresStore
from storage.recount import audit_books
from storage.view_money import list_equity
from storage.view_pnl import PnlTotal, load_total
from temporal_access import Place, connect_temporal
from trading.portfolio import CurveFigures, measure_curve
from trading.types import ZERO, SignalState, Wallet

TIMEOUT = aiohttp.ClientTimeout(total=30)
WORKFLOWS_LEFT = (
    "ExecutionStatus='Running' AND (WorkflowType='CopyTradeWorkflow' "
    "OR WorkflowType='PositionWorkflow')"
)
CENT = Decimal("0.01")
POINTS_MAX = 2000
_COPIED = (SignalState.FILLED, SignalState.PARTIAL)


@dataclass(frozen=True, slots=True)
class PlayState:
    """How far the tape has come."""

    play_id: str
    tape: str
    speed: str
    started_at: datetime
    is_done: bool


@dataclass(frozen=True, slots=True)
class VenueOrders:
    """The venue's side of our orders: shares, cost and fee by hash."""

    filled: Mapping[str, Decimal]
    cost: Mapping[str, Decimal]
    fee: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, and whether our books equal the venue's."""

    signals: SignalCounts
    orders_venue: int
    orders_db: int
    orders_unmatched: int
    fills_delta: Decimal
    ledger_delta_usd: Decimal
    positions_open: int
    reservations_left: int
    workflows_left: int
    limit_breaches: int
    realised_pnl_usd: Decimal
    latency_ms: Mapping[str, Hop]
    seconds: Decimal
    mode: str
    profile: str
    play: PlayState
    pnl: PnlTotal
    book_drifts: int
    curve: CurveFigures | None

    @property
    def balances(self) -> bool:
        """Tell whether everything ended and equals the venue's books."""
        return (
            self.signals.total == self.signals.terminal
            and self.orders_unmatched == 0
            and self.fills_delta == 0
            and abs(self.ledger_delta_usd) < CENT
            and self.positions_open == 0
            and self.reservations_left == 0
            and self.workflows_left == 0
            and self.limit_breaches == 0
            and self.book_drifts == 0
            and self.pnl.gap == 0
        )

    @property
    def copied(self) -> int:
        """Return how many signals were filled, wholly or in part."""
        return sum(self.signals.by_state.get(state, 0) for state in _COPIED)

    def as_json(self) -> dict[str, object]:
        """Return the report as one object; money as decimal text."""
        return {
            "signals": self.signals.total,
            "signals_terminal": self.signals.terminal,
            "signals_copied": self.copied,
            "signals_refused": dict(self.signals.by_reason),
            "signals_by_state": {s.value: n for s, n in self.signals.by_state.items()},
            "orders_venue": self.orders_venue,
            "orders_db": self.orders_db,
            "orders_unmatched": self.orders_unmatched,
            "fills_delta": str(self.fills_delta),
            "ledger_delta_usd": str(self.ledger_delta_usd),
            "positions_open": self.positions_open,
            "reservations_left": self.reservations_left,
            "workflows_left": self.workflows_left,
            "limit_breaches": self.limit_breaches,
            "book_drifts": self.book_drifts,
            "realised_pnl_usd": str(self.realised_pnl_usd),
            **_pnl(self.pnl),
            "drawdown_worst": None if self.curve is None else f"{self.curve.drawdown_worst:.6f}",
            "latency_ms": {name: _hop(hop) for name, hop in self.latency_ms.items()},
            "seconds": str(self.seconds),
            "mode": self.mode,
            "tape": self.play.tape,
            "speed": self.play.speed,
            "play": self.play.play_id,
            "profile": self.profile,
            "balances": self.balances,
        }

    def as_lines(self) -> Sequence[tuple[str, str]]:
        """Return the report for a person."""
        sent, gap = self.latency_ms.get("committed_to_sent"), short(self.pnl.gap)
        refused = ", ".join(f"{n} {reason}" for reason, n in sorted(self.signals.by_reason.items()))
        states = ", ".join(f"{n} {state}" for state, n in sorted(self.signals.by_state.items()))
        return (
            ("signals", f"{self.signals.total} seen, {self.signals.terminal} ended ({states})"),
            ("refused", refused or "none"),
            ("orders", f"{self.orders_venue} at the venue, {self.orders_db} in the records"),
            ("orders unmatched", str(self.orders_unmatched)),
            ("fills", f"differ by {self.fills_delta} shares"),
            ("ledger", f"differs by ${self.ledger_delta_usd}"),
            ("positions open", str(self.positions_open)),
            ("reservations left", str(self.reservations_left)),
            ("workflows left", str(self.workflows_left)),
            ("limit breaches", str(self.limit_breaches)),
            (
                "books recounted",
                f"{self.book_drifts} differences, P&L off by ${gap}",
            ),
            ("realised P&L", f"${self.realised_pnl_usd:+,.2f}"),
            ("equity", _equity_text(self.pnl, self.curve)),
            ("signal to order", "none" if sent is None else _hop_text(sent)),
            ("tape", f"{self.play.tape} at speed {self.play.speed}, {self.seconds} s"),
        )


async def play_of(venue_url: str) -> PlayState:
    """Ask the local venue how far its tape has come."""
    row = await _fetch(venue_url, "/_paper/play")
    assert isinstance(row, dict), f"expected the play as an object, received {row!r}"
    started = Decimal(str(row.get("started_at", 0))) / 1000
    return PlayState(
        play_id=str(row.get("play_id", "")),
        tape=str(row.get("tape", "")),
        speed=str(row.get("speed", "")),
        started_at=datetime.fromtimestamp(float(started), UTC),  # the library takes seconds
        is_done=row.get("done") is True and "play_id" in row,  # real feeds never end
    )


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """What is reported on."""

    store: PostgresStore
    wallet: Wallet
    venue_url: str
    temporal_address: str
    namespace: str
    mode: str
    profile: str
    temporal_keys: TemporalKeyFiles = NO_KEY_FILES


async def make_report(subject: ReportSubject) -> Report:
    """Hold the records of the current play against the venue's books."""
    play = await play_of(subject.venue_url)
    store, since = subject.store, play.started_at
    ours = await sum_orders(store, since)
    theirs = await _venue_orders(subject, int(since.timestamp() * 1000))
    positions_open, reservations_left = await count_left(store)
    return Report(
        signals=await count_signals(store, since),
        orders_venue=len(theirs.filled),
        orders_db=len(ours),
        orders_unmatched=_unmatched(ours, theirs),
        fills_delta=_fills_delta(ours, theirs),
        ledger_delta_usd=await _ledger_delta(subject),
        positions_open=positions_open,
        reservations_left=reservations_left,
        workflows_left=await _workflows_left(subject),
        limit_breaches=len(await audit_limits(store)),
        realised_pnl_usd=await sum_realised(store, since),
        latency_ms=await measure_latency(store, since),
        seconds=Decimal(int((datetime.now(UTC) - since).total_seconds())),
        mode=subject.mode,
        profile=subject.profile,
        play=play,
        pnl=await load_total(store),
        book_drifts=len(await audit_books(store)),
        curve=measure_curve(await list_equity(store, POINTS_MAX, since)),
    )


async def _venue_orders(subject: ReportSubject, since_ms: int) -> VenueOrders:
    orders = await _fetch_rows(subject.venue_url, "/_paper/orders")
    fills = await _fetch_rows(subject.venue_url, "/_paper/fills")
    mine = {
        str(row["order_id"])
        for row in orders
        if str(row["maker"]).lower() == subject.wallet and int(str(row["received_at"])) >= since_ms
    }
    sums = VenueOrders(dict.fromkeys(mine, ZERO), dict.fromkeys(mine, ZERO), {})
    filled, cost, fee = dict(sums.filled), dict(sums.cost), dict.fromkeys(mine, ZERO)
    for row in fills:
        order_id = str(row["order_id"])
        if order_id in mine and row["status"] != "FAILED":
            filled[order_id] += Decimal(str(row["size"]))
            cost[order_id] += Decimal(str(row["cost"]))
            fee[order_id] += Decimal(str(row["fee"]))
    return VenueOrders(filled, cost, fee)


def _unmatched(ours: Sequence[OrderSum], theirs: VenueOrders) -> int:
    """Count orders that only one side knows; one the venue refused was never booked there."""
    known = {order.order_hash for order in ours}
    booked = {order.order_hash for order in ours if order.state != "REJECTED"}
    return len(booked - theirs.filled.keys()) + len(theirs.filled.keys() - known)


def _fills_delta(ours: Sequence[OrderSum], theirs: VenueOrders) -> Decimal:
    """Return the summed absolute difference of shares, order by order."""
    mine = {str(order.order_hash): Decimal(order.filled) for order in ours}
    hashes = mine.keys() | theirs.filled.keys()
    return sum((abs(mine.get(h, ZERO) - theirs.filled.get(h, ZERO)) for h in hashes), ZERO)


async def _ledger_delta(subject: ReportSubject) -> Decimal:
    """Return our cash less the venue's, plus every token's difference at a dollar a share.

    Shares of a lost outcome are nothing to us and stay at the venue, until somebody gives them
    back beside the outcome that won: they count on neither side.
    """
    wallets = await _fetch_rows(subject.venue_url, "/_paper/wallets")
    venue = next((w for w in wallets if str(w["address"]).lower() == subject.wallet), None)
    cash = await sum_cash(subject.store, subject.wallet)
    shares = {
        str(k): Decimal(v) for k, v in (await sum_shares(subject.store, subject.wallet)).items()
    }
    theirs = venue["tokens"] if venue is not None else {}
    assert isinstance(theirs, dict), "expected tokens as an object"
    held = {str(token): Decimal(str(size)) for token, size in theirs.items()}
    lost = await list_worthless(subject.store, subject.wallet)
    tokens = (shares.keys() | held.keys()) - lost
    drift = sum((abs(shares.get(t, ZERO) - held.get(t, ZERO)) for t in tokens), ZERO)
    venue_cash = Decimal(str(venue["cash"])) if venue is not None else ZERO
    difference = cash - venue_cash
    return difference + drift if difference >= 0 else difference - drift


async def _workflows_left(subject: ReportSubject) -> int:
    place = Place(subject.temporal_address, subject.namespace, subject.temporal_keys)
    client = await connect_temporal(place)
    counted = await client.count_workflows(WORKFLOWS_LEFT)
    return counted.count


async def _fetch_rows(venue_url: str, path: str) -> Sequence[Mapping[str, object]]:
    rows = await _fetch(venue_url, path)
    assert isinstance(rows, list), f"expected {path} to be a list"
    return rows


async def _fetch(venue_url: str, path: str) -> object:
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.get(f"{venue_url}{path}") as answer,
    ):
        answer.raise_for_status()
        return await answer.json()


def _pnl(total: PnlTotal) -> dict[str, object]:
    """Write the wallet's whole P&L, of all plays."""
    return {
        "pnl_usd": short(total.pnl.total),
        "unrealised_pnl_usd": short(total.pnl.unrealised),
        "fees_usd": short(total.pnl.fees),
        "equity_usd": short(total.account.equity),
        "deposits_usd": short(total.account.deposits),
        "pnl_gap_usd": short(total.gap),
    }


def _equity_text(total: PnlTotal, curve: CurveFigures | None) -> str:
    worst = "" if curve is None else f", worst drawdown {curve.drawdown_worst:.2%}"
    return f"${total.account.equity:,.2f} of ${total.account.deposits:,.2f} deposited{worst}"


def _hop(hop: Hop) -> dict[str, object]:
    marks = {"p50": hop.p50_ms, "p90": hop.p90_ms, "p99": hop.p99_ms}
    return {"n": hop.n, **{name: str(mark) for name, mark in marks.items()}}


def _hop_text(hop: Hop) -> str:
    return f"p50 {hop.p50_ms} ms, p90 {hop.p90_ms} ms, p99 {hop.p99_ms} ms (n={hop.n})"
