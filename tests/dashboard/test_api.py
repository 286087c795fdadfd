import aiohttp
import pytest

from dashboard.live import WATCHERS_MAX
from tests.dashboard.desk import a_desk, until_event
from tests.dashboard.fake_records import HOSTILE, TAPE, WHALE, FakeRecords
from trading.types import SignalState


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/status", "money"),
        ("/api/positions", "positions"),
        ("/api/trades", "trades"),
        ("/api/orders", "orders"),
        ("/api/risk", "limits"),
        ("/api/feeds", "feeds"),
        ("/api/reviews", "reviews"),
        ("/api/equity", "equity"),
        ("/api/pnl", "pnl"),
        ("/api/events", "events"),
    ],
)
async def test_every_question_is_answered_with_its_time(path: str, name: str) -> None:
    async with a_desk() as desk:
        answer = await desk.ask(path)
        assert answer.status == 200
        assert answer.json[name]
        assert answer.json["at"] == "2026-10-01T12:00:00.000Z"
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_status_carries_the_tape() -> None:
    async with a_desk(play=TAPE) as desk:
        play = (await desk.ask("/api/status")).json["play"]
        assert isinstance(play, dict)
        assert play["invented"] == ["whale wallets", "fees"]


async def test_trades_are_asked_for_by_state_whale_and_number() -> None:
    records = FakeRecords()
    async with a_desk(records) as desk:
        await desk.rows(
            f"/api/trades?limit=7&state=filtered&whale={WHALE.wallet.upper()}", "trades"
        )
        wanted = records.wanted[0]
        assert (wanted.limit, wanted.state) == (7, SignalState.FILTERED)
        assert wanted.whale == WHALE.wallet
        assert len(await desk.rows("/api/trades", "trades")) == 2
        assert records.wanted[1].limit == 50


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=1e2",
        "limit=",
        "limit=%D9%A3",
        "limit=00000000000001",
        "state=LOST",
        "whale=0x12",
        "whale=%3Cscript%3E",
        "stat=FILLED",
        "limit=1&limit=2",
    ],
)
async def test_a_question_that_is_not_understood_is_refused(query: str) -> None:
    async with a_desk() as desk:
        answer = await desk.ask(f"/api/trades?{query}")
        assert (answer.status, answer.json["error"]) == (400, "bad_request")
        assert str(answer.json["message"]).startswith("expected")


async def test_a_signal_is_found_by_its_id_whatever_is_in_it() -> None:
    async with a_desk() as desk:
        answer = await desk.ask("/api/signals/0xf00d%2F2")
        signal = answer.json["signal"]
        assert isinstance(signal, dict)
        assert signal["trade"]["reason"] == "SPREAD_TOO_WIDE"
        assert signal["trade"]["numbers"] == {"spread": "0.05", "spread_max": "0.03"}
        assert signal["steps"][0]["step"] == "assess_signal"


@pytest.mark.parametrize("signal_id", ["nobody", "x" * 300, "a%00b"])
async def test_a_signal_that_is_not_there_is_not_found(signal_id: str) -> None:
    async with a_desk() as desk:
        assert (await desk.ask(f"/api/signals/{signal_id}")).status == 404


async def test_we_live_without_a_database_but_are_not_ready() -> None:
    records = FakeRecords(is_down=True)
    async with a_desk(records) as desk:
        assert (await desk.ask("/healthz")).status == 200
        assert (await desk.ask("/readyz")).status == 503
        records.is_down = False
        assert (await desk.ask("/readyz")).status == 200


async def test_metrics_name_routes_not_paths() -> None:
    async with a_desk() as desk:
        await desk.ask("/api/signals/secret-1")
        await desk.ask("/some/path")
        body = (await desk.ask("/metrics")).body
        assert 'whalecopy_dashboard_requests_total{route="/api/signals/{signal_id}"' in body
        assert "secret-1" not in body
        assert "some/path" not in body


async def test_the_stream_sends_every_section_then_only_what_changed() -> None:
    records = FakeRecords()
    async with a_desk(records) as desk, desk.stream() as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert "Content-Security-Policy" in response.headers
        first = await until_event(response, "positions")
        assert isinstance(first, list)
        assert first[0]["token"]["question"] == HOSTILE
        assert await until_event(response, "health") == {"records": "ok"}
        records.positions = []
        assert await until_event(response, "positions") == []


async def test_the_stream_tells_when_the_records_are_gone_and_back() -> None:
    records = FakeRecords()
    async with a_desk(records) as desk, desk.stream() as response:
        assert await until_event(response, "health") == {"records": "ok"}
        records.is_down = True
        assert await until_event(response, "health") == {"records": "unavailable"}
        records.is_down, records.is_broken = False, True
        assert await until_event(response, "health") == {"records": "unreadable"}
        records.is_broken = False
        assert await until_event(response, "health") == {"records": "ok"}


async def test_one_stream_too_many_is_refused_and_a_closed_one_makes_room() -> None:
    async with a_desk() as desk, aiohttp.ClientSession(connector=no_limit()) as session:
        streams = [await session.get(desk.url + "/events") for _ in range(WATCHERS_MAX)]
        refused = await desk.ask("/events")
        assert (refused.status, refused.json["error"]) == (503, "service_unavailable")
        streams[0].close()
        while (again := await session.get(desk.url + "/events")).status != 200:
            again.close()
        for stream in [*streams, again]:
            stream.close()


def no_limit() -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(limit=0)
