from dashboard.board import Section
from dashboard.notation import Json
from dashboard.play import Play
from tests.dashboard.desk import a_board
from tests.dashboard.fake_records import HOSTILE, TAPE, FakeRecords
from trading.types import SignalId


def fields(thing: Json) -> dict[str, Json]:
    assert isinstance(thing, dict)
    return thing


async def test_every_section_can_be_made() -> None:
    board = a_board(FakeRecords(), TAPE)
    for section in Section:
        assert await board.section(section) is not None


async def test_the_status_says_mode_money_and_counts() -> None:
    status = fields(await a_board(FakeRecords()).status())
    assert (status["mode"], status["profile"]) == ("replay", "replay")
    assert status["temporal_url"] == "http://127.0.0.1:8233/namespaces/default/workflows"
    money = fields(status["money"])
    assert money["equity"] == "10030.75"
    assert money["pnl"] == "30.75"
    assert money["unrealised_pnl"] == "18"
    tally = fields(status["tally"])
    assert tally["states"] == {"FILLED": 3, "FILTERED": 2}
    assert tally["refusals"] == {"SPREAD_TOO_WIDE": 2}


async def test_what_waits_for_a_person_is_listed_without_its_evidence() -> None:
    reviews = await a_board(FakeRecords()).reviews()
    assert isinstance(reviews, list)
    review = fields(reviews[0])
    assert (review["review_id"], review["kind"]) == (7, "ORDER_FAULT")
    assert (review["severity"], review["reason"]) == ("PAGE", f"wrong id {HOSTILE}")
    assert fields(review["token"])["question"] == HOSTILE
    assert "evidence" not in review


async def test_a_tape_is_said_to_be_one() -> None:
    play = fields(await a_board(FakeRecords(), TAPE).play())
    assert play["tape"] == "btc-15m"
    assert play["invented"] == ["whale wallets", "fees"]
    assert play["progress"] == 50
    assert play["speed"] == "20"


async def test_a_real_market_has_no_tape() -> None:
    play = fields(await a_board(FakeRecords()).play())
    assert play["tape"] is None
    assert play["progress"] is None


async def test_progress_stays_within_the_tape() -> None:
    late = Play(tape="t", tape_time=9, tape_starts_at=1, tape_ends_at=1)
    assert fields(await a_board(FakeRecords(), late).play())["progress"] == 100


async def test_feeds_speak_idle_are_silent_or_unknown() -> None:
    feeds = await a_board(FakeRecords()).feeds()
    assert isinstance(feeds, list)
    health = {str(fields(feed)["feed"]): fields(feed)["health"] for feed in feeds}
    assert health == {
        "account": "speaking",
        "chain": "speaking",
        "data_api": "unknown",
        "prices": "idle",
        "rtds": "silent",
    }


async def test_the_equity_curve_is_cash_plus_bid_value() -> None:
    points = await a_board(FakeRecords()).equity()
    assert points == [{"at": "2026-10-01T12:00:00.000Z", "equity": "10030.75", "pnl": "30.75"}]


async def test_a_signal_is_explained_step_by_step() -> None:
    board = a_board(FakeRecords())
    detail = fields(await board.trade(SignalId("0xf00d/1")))
    steps, orders = detail["steps"], detail["orders"]
    assert isinstance(steps, list)
    assert isinstance(orders, list)
    assert list(fields(fields(steps[0])["numbers"])) == ["spread", "depth"]
    order = fields(orders[0])
    assert order["slippage"] == "0.0233"
    fills = fields(order["order"])["fills"]
    assert isinstance(fills, list)
    assert fields(fills[0])["settlement"] == "CONFIRMED"
    assert await board.trade(SignalId("nobody")) is None


async def test_events_keep_the_venues_words_as_text() -> None:
    events = await a_board(FakeRecords()).events(5)
    assert isinstance(events, list)
    assert fields(events[0])["title"] == f"opened {HOSTILE}"
