from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from aiohttp import web
from sqlalchemy import text
from temporalio.client import Client

from report import ReportSubject, make_report, play_of
from storage.postgres import PostgresStore
from tests.ingest.desk import utc_now
from tests.storage.builders import (
    NOW,
    WALLET,
    YES,
    booked,
    bought,
    entry,
    order_hash,
    price,
    reserved,
    trade,
    usd,
)
from trading.rules import RiskRules

Row = dict[str, object]


def order_row(name: str) -> Row:
    return {"order_id": order_hash(name), "maker": WALLET.upper(), "received_at": 2**42}


def fill_row(name: str, size: str, cost: str, status: str = "CONFIRMED") -> Row:
    return {
        "order_id": order_hash(name),
        "size": size,
        "cost": cost,
        "fee": "0",
        "status": status,
    }


@dataclass
class Venue:
    """A local venue's own books."""

    url: str = ""
    orders: list[Row] = field(default_factory=lambda: [order_row("s1#1")])
    fills: list[Row] = field(
        default_factory=lambda: [
            fill_row("s1#1", "100", "50"),
            fill_row("s1#1", "40", "20", "FAILED"),
            fill_row("foreign#1", "9", "9"),
        ]
    )
    cash: str = "9950"
    tokens: dict[str, str] = field(default_factory=lambda: {YES: "100"})

    async def show(self, request: web.Request) -> web.Response:
        answers: dict[str, object] = {
            "play": {"play_id": "p1", "tape": "t", "speed": "20", "started_at": 0, "done": True},
            "orders": [*self.orders, {**order_row("foreign#1"), "maker": "0xelse"}],
            "fills": self.fills,
            "wallets": [{"address": WALLET, "cash": self.cash, "tokens": self.tokens}],
        }
        return web.json_response(answers[request.match_info["what"]])


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """Books that agree with one buy of 100 shares at 0.50."""
    venue = Venue()
    app = web.Application()
    app.router.add_get("/_paper/{what}", venue.show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield venue
    await runner.cleanup()


@pytest.fixture
async def subject(
    database_url: str, venue: Venue, temporal_client: Client
) -> AsyncIterator[ReportSubject]:
    """A stack whose records hold one buy of 100 shares at 0.50."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    await bought(store)
    yield ReportSubject(
        store=store,
        wallet=WALLET,
        venue_url=venue.url,
        temporal_address=temporal_client.service_client.config.target_host,
        namespace=temporal_client.namespace,
        mode="replay",
        profile="replay",
    )
    await store.close()


async def test_books_that_agree_differ_by_nothing(subject: ReportSubject) -> None:
    report = await make_report(subject)
    assert (report.orders_venue, report.orders_db, report.orders_unmatched) == (1, 1, 0)
    assert [report.fills_delta, report.ledger_delta_usd] == [0, 0]
    assert (report.positions_open, report.limit_breaches) == (1, 0)
    assert not report.balances, "a position is open"
    at_rest = replace(report, positions_open=0, workflows_left=0)
    assert at_rest.balances
    shown = at_rest.as_json()
    assert (shown["balances"], shown["fills_delta"], shown["tape"]) == (True, "0.000000", "t")
    assert dict(at_rest.as_lines())["orders"] == "1 at the venue, 1 in the records"


async def test_books_that_do_not_add_up_are_told(subject: ReportSubject) -> None:
    good = await make_report(subject)
    assert good.book_drifts == good.pnl.gap == 0
    assert good.as_json()["pnl_gap_usd"] == "0"
    async with subject.store.transaction() as connection:
        await connection.execute(text("UPDATE balances SET cash = cash + 1"))
    bad = await make_report(subject)
    assert bad.book_drifts > 0
    assert bad.pnl.gap == -1
    assert not bad.balances
    assert ("books recounted", f"{bad.book_drifts} differences, P&L off by $-1") in (bad.as_lines())


async def test_an_order_that_only_the_venue_knows_is_unmatched(
    subject: ReportSubject, venue: Venue
) -> None:
    venue.orders.append(order_row("lost#1"))
    venue.fills.append(fill_row("lost#1", "7", "3"))
    report = await make_report(subject)
    assert report.orders_unmatched == 1
    assert report.fills_delta == 7


async def test_an_order_that_only_we_know_is_unmatched(subject: ReportSubject) -> None:
    intent = await reserved(subject.store, entry("s2#1", size="10", at="0.10"))
    await subject.store.begin_sending(intent.order.order_hash, 1, NOW)
    await booked(subject.store, intent, trade(intent, "t9"))
    report = await make_report(subject)
    assert report.orders_unmatched == 1
    assert report.fills_delta == 10


@pytest.mark.parametrize(
    ("cash", "tokens", "delta"),
    [
        ("9949", {YES: "100"}, "1"),
        ("9951", {YES: "100"}, "-1"),
        ("9950", {YES: "98", "other": "1"}, "3"),
        ("9951", {}, "-101"),
    ],
)
async def test_money_and_tokens_that_differ_are_told(
    subject: ReportSubject, venue: Venue, cash: str, tokens: dict[str, str], delta: str
) -> None:
    venue.cash, venue.tokens = cash, tokens
    report = await make_report(subject)
    assert report.ledger_delta_usd == Decimal(delta)
    assert not replace(report, positions_open=0, workflows_left=0).balances


@pytest.mark.parametrize("payout", ["0", "1"])
async def test_lost_shares_that_lie_at_the_venue_or_do_not_are_no_difference(
    subject: ReportSubject, venue: Venue, payout: str
) -> None:
    (position,) = await subject.store.list_open()
    await subject.store.settle_resolution(
        position.position_id, price(payout), redeemed=True, now=NOW
    )
    venue.cash = str(9950 + 100 * Decimal(payout))
    venue.tokens = {YES: "100"}
    report = await make_report(subject)
    assert report.ledger_delta_usd == 100 * Decimal(payout), "a share that won was not paid"
    venue.tokens = {}
    assert (await make_report(subject)).ledger_delta_usd == 0


async def test_the_play_is_read_from_the_venue(venue: Venue) -> None:
    play = await play_of(venue.url)
    assert (play.play_id, play.tape, play.is_done) == ("p1", "t", True)
    assert play.started_at < utc_now()
