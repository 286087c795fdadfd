"""Puts the sections of the page together; the API and the event stream serve the same ones."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dashboard.earnings import view_earnings
from dashboard.links import TemporalUi
from dashboard.notation import Json, to_json
from dashboard.play import Play, PlaySource
from dashboard.queries import Records
from dashboard.risk import RiskInputs, view_risk
from dashboard.views import view_detail, view_order, view_position, view_trade
from storage.reviews import StoredReview
from storage.view_pnl import PnlBy
from storage.views import FeedRow, Overview, TradeFilter
from trading.rules import RiskRules
from trading.types import SignalId

ROWS = 50
POSITIONS_MAX = 200
POINTS_MAX = 500
LINES_MAX = 30
SILENCE_MAX = timedelta(seconds=30)
WHALES_MAX = 50


class Section(StrEnum):
    """The parts of the page that change by themselves."""

    STATUS = "status"
    PLAY = "play"
    POSITIONS = "positions"
    TRADES = "trades"
    ORDERS = "orders"
    RISK = "risk"
    FEEDS = "feeds"
    REVIEWS = "reviews"
    EQUITY = "equity"
    PNL = "pnl"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Identity:
    """What this stack is; `mode` is replay, paper or live."""

    mode: str
    profile: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a board looks."""

    records: Records
    play: PlaySource
    clock: Callable[[], datetime]


class Board:
    """Answers every question of the page from the records, as JSON."""

    def __init__(
        self, identity: Identity, sources: Sources, rules: RiskRules, ui: TemporalUi
    ) -> None:
        self.identity = identity
        self._records = sources.records
        self._play = sources.play
        self._clock = sources.clock
        self._rules = rules
        self._ui = ui
        self._makers: Mapping[Section, Callable[[], Awaitable[Json]]] = {
            Section.STATUS: self.status,
            Section.PLAY: self.play,
            Section.POSITIONS: self.positions,
            Section.TRADES: lambda: self.trades(TradeFilter(ROWS)),
            Section.ORDERS: self.orders,
            Section.RISK: self.risk,
            Section.FEEDS: self.feeds,
            Section.REVIEWS: self.reviews,
            Section.EQUITY: self.equity,
            Section.PNL: self.pnl,
            Section.EVENTS: lambda: self.events(ROWS),
        }

    def now(self) -> datetime:
        """Return the time by the board's clock."""
        return self._clock()

    async def section(self, section: Section) -> Json:
        """Return one section as it is now."""
        return await self._makers[section]()

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._records.ping()

    async def status(self) -> Json:
        """Return mode, money and counts."""
        overview = await self._records.load_overview(self._clock())
        return {
            "mode": self.identity.mode,
            "profile": self.identity.profile,
            "started_at": to_json(self.identity.started_at),
            "temporal_url": self._ui.home,
            "wallet": overview.wallet,
            "money": _money(overview),
            "positions_open": overview.positions_open,
            "orders_in_flight": overview.orders_in_flight,
            "reviews_open": overview.reviews_open,
            "tally": to_json(overview.tally),
            "whales": to_json(overview.whales[:WHALES_MAX]),
        }

    async def play(self) -> Json:
        """Return what the local venue plays; `tape` is null when the market is the real one."""
        play = await self._play.fetch()
        return _play(play if play is not None else Play())

    async def positions(self) -> Json:
        """Return the open positions, newest first."""
        rows = await self._records.list_positions(POSITIONS_MAX)
        return to_json([view_position(row, self._ui) for row in rows])

    async def trades(self, wanted: TradeFilter) -> Json:
        """Return signals and what became of them, newest first."""
        rows = await self._records.list_trades(wanted)
        return to_json([view_trade(row, self._ui) for row in rows])

    async def trade(self, signal_id: SignalId) -> Json:
        """Return everything recorded about a signal, null when there is none."""
        detail = await self._records.load_trade(signal_id)
        return None if detail is None else to_json(view_detail(detail, self._ui))

    async def orders(self) -> Json:
        """Return the orders in flight, oldest first."""
        rows = await self._records.list_orders_in_flight(ROWS)
        return to_json([view_order(row) for row in rows])

    async def risk(self) -> Json:
        """Return every limit and breaker."""
        now = self._clock()
        figures = await self._records.load_risk(now)
        overview = await self._records.load_overview(now)
        return to_json(view_risk(RiskInputs(figures, overview.money, self._rules, now)))

    async def feeds(self) -> Json:
        """Return the feeds: what is known, and `unknown` where nothing is."""
        now = self._clock()
        rows = await self._records.list_feeds(now)
        return [_feed(row, now) for row in rows]

    async def reviews(self) -> Json:
        """Return what waits for a person, newest first; the evidence is the command's to show."""
        found = await self._records.list_reviews(open_only=True, limit=ROWS)
        return [_review(stored) for stored in found]

    async def equity(self) -> Json:
        """Return the equity curve, oldest first; `pnl` is equity less deposits."""
        points = await self._records.list_equity(POINTS_MAX)
        return [
            {
                "at": to_json(point.at),
                "equity": to_json(point.equity),
                "pnl": to_json(point.pnl),
            }
            for point in points
        ]

    async def pnl(self) -> Json:
        """Return profit and loss by whale, market and UTC day."""
        return view_earnings(
            await self._records.load_pnl_total(),
            await self._records.list_pnl(PnlBy.WHALE, LINES_MAX),
            await self._records.list_pnl(PnlBy.MARKET, LINES_MAX),
            await self._records.list_days(LINES_MAX),
        )

    async def events(self, limit: int) -> Json:
        """Return events, newest first."""
        rows = await self._records.list_events(limit)
        return [
            {
                "event_id": row.event_id,
                "type": row.event.type,
                "severity": row.event.severity,
                "title": row.event.title,
                "at": to_json(row.event.at),
                "ids": to_json(row.event.ids),
                "metadata": to_json(row.event.metadata),
            }
            for row in rows
        ]


def _money(overview: Overview) -> Json:
    money = overview.money
    figures = to_json(money)
    assert isinstance(figures, dict), "a record is written as an object"
    return {
        "equity": to_json(money.equity),
        "pnl": to_json(money.equity - money.deposits),
        **figures,
    }


def _review(stored: StoredReview) -> Json:
    review = stored.review
    about = to_json(review)
    assert isinstance(about, dict), "a record is written as an object"
    return {
        **about,
        "review_id": stored.review_id,
        "severity": review.kind.severity,
        "token": to_json(stored.token),
    }


def _play(play: Play) -> Json:
    return {
        "tape": play.tape,
        "play_id": play.play_id,
        "speed": to_json(play.speed),
        "done": play.done,
        "progress": _progress(play),
        "invented": to_json(play.invented),
        "attribution": play.attribution,
        "licence": play.licence,
    }


def _progress(play: Play) -> int | None:
    """Return how far the tape is, in whole percent."""
    if play.tape_time is None or play.tape_starts_at is None or play.tape_ends_at is None:
        return None
    length = max(play.tape_ends_at - play.tape_starts_at, 1)
    return max(0, min(100, (play.tape_time - play.tape_starts_at) * 100 // length))


def _feed(row: FeedRow, now: datetime) -> Json:
    figures = to_json(row)
    assert isinstance(figures, dict), "a record is written as an object"
    return {**figures, "health": _health(row, now)}


def _health(row: FeedRow, now: datetime) -> str:
    """Judge by the last word and by what was stored; without a word, quiet is not silence.

    Prices are told of what is held, the account's news of what is ordered: else these feeds idle.
    """
    if any(
        at is not None and now - at <= SILENCE_MAX for at in (row.last_heard_at, row.last_stored_at)
    ):
        return "speaking"
    if not row.is_awaited:
        return "idle"
    return "unknown" if row.last_heard_at is None else "silent"
