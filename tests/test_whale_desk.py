"""Whales are shown, proposed, added, changed and scored as people ask."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.scoring import ScoringActivities, ScoringPorts
from answers import Answer
from inquire import InquireError
from settings import Settings
from storage.postgres import PostgresStore
from storage.whale_port import WhaleChange
from tests.exchange.fake_venue import Asked, FakeHttp, serving
from tests.storage.builders import NOW, WALLET, bought, market, signal, usd, whale
from tests.whale_history import History, closed
from trading.edge import EdgeWatch
from trading.overrides import NO_OVERRIDES, Overrides
from trading.rules import RiskRules, ScoreRules
from trading.types import Price, Reason, Refusal, SignalId, SignalState, SizingMode, Wallet
from venue_file import save_venue
from whale_command import (
    AddWhale,
    ChangeWhale,
    DiscoverWhales,
    ListWhales,
    ScoreNow,
    SetWhale,
    ShowWhale,
    WhaleAsk,
)
from whale_desk import attend
from workflows import names
from workflows.score_whales import ScoreWhalesWorkflow

ANNA, BERT, CARL = (Wallet("0x" + digit * 40) for digit in "abc")
EVIL = "Evil\x1b[2J\u202eName"
WHO = ("ann", "because")


def page(rows: list[dict[str, object]]) -> dict[str, object]:
    return {"data": rows, "pagination": {"next_cursor": None}}


def positions(asked: Asked) -> object:
    """Anna wins steadily, Carl's history is of another shape, nobody else has one."""
    if asked.query["user"] == CARL:
        return {"data": [{"proxy_wallet": "?"}], "pagination": {}}
    if asked.query["user"] != ANNA:
        return page([])
    now = datetime.now(UTC)
    return page(
        [
            {
                "proxy_wallet": ANNA,
                "condition_id": "0x" + "c" * 64,
                "entry_cost_usdc": 1000,
                "realized_pnl": 400 if n % 4 else -300,
                "last_event_at": int((now - timedelta(days=80 - n)).timestamp()),
                "category": "abcdefg"[n % 7],
            }
            for n in range(80)
        ]
    )


@pytest.fixture
def venue() -> FakeHttp:
    leaders: list[dict[str, object]] = [
        {"user_id": wallet, "user_name": name, "rank": rank, "pnl": 9000 - rank, "volume": 90000}
        for rank, (wallet, name) in enumerate(((ANNA, EVIL), (BERT, "Bert"), (CARL, "Twin")), 1)
    ]
    return FakeHttp({"/v2/leaderboard": page(leaders), "/v2/positions": positions})


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    yield store
    await store.close()


@pytest.fixture
async def stack(
    store: PostgresStore, database_url: str, tmp_path: Path, venue: FakeHttp
) -> AsyncIterator[Settings]:
    """A stack that knows its own venue, with one whale we hold a position of."""
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    await store.acquire_lease(WALLET, "us", NOW)
    await store.save_market(market(), NOW)
    await store.save_whale(whale(), NOW)
    await bought(store)
    async with serving(venue) as access:
        save_venue(tmp_path, access.endpoints)
        yield Settings(home=tmp_path, database_url=database_url)


def told(answer: Answer) -> Mapping[str, object]:
    found = answer.as_json()
    assert isinstance(found, Mapping)
    return found


async def refused(stack: Settings, ask: WhaleAsk) -> str:
    with pytest.raises(InquireError) as no:
        await attend(stack, ask)
    return str(no.value)


async def test_leaders_are_proposed_with_scores_and_nobody_is_followed(
    stack: Settings, store: PostgresStore
) -> None:
    answer = await attend(stack, DiscoverWhales(10))
    text = answer.as_text()
    first, *_ = text.splitlines()[1:]
    assert "Evil[2JName" in first
    assert "evidence of skill" in first
    assert "no evidence of skill" in text
    assert "history not read" in text
    assert "too few wallets" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    found = told(answer)["proposals"]
    assert isinstance(found, list)
    assert [row["wallet"] for row in found] == [ANNA, BERT, CARL]
    assert found[0]["has_evidence"] is True
    assert "quality_score" not in found[2]
    assert "expected" in found[2]["unread"]
    assert f"left out, its history was not read: {CARL}: " in text
    assert await store.list_followed() == {whale().standing.wallet}


async def test_a_leader_whose_history_does_not_come_is_named_and_the_others_are_proposed(
    stack: Settings, venue: FakeHttp
) -> None:
    def mostly(asked: Asked) -> object:
        if asked.query["user"] == BERT:
            raise web.HTTPTooManyRequests
        return positions(asked)

    venue.answers["/v2/positions"] = mostly
    answer = await attend(stack, DiscoverWhales(10))
    left_out = f"left out, its history was not read: {BERT}: /v2/positions: HTTP 429"
    assert left_out in answer.as_text()
    found = told(answer)["proposals"]
    assert isinstance(found, list)
    assert {row["wallet"]: "unread" in row for row in found} == {
        ANNA: False,
        BERT: True,
        CARL: True,
    }


async def test_a_record_that_answers_for_nobody_is_not_asked_for_everybody(
    stack: Settings, venue: FakeHttp
) -> None:
    """A leader of another shape begins the count anew: the record did answer."""
    many = [Wallet(f"0x{n:040x}") for n in range(20)]
    odd, asked_for = many[1], []
    rows: list[dict[str, object]] = [
        {"user_id": wallet, "user_name": "x", "rank": rank, "pnl": 100 - rank, "volume": 9}
        for rank, wallet in enumerate(many, 1)
    ]

    def away(asked: Asked) -> object:
        asked_for.append(asked.query["user"])
        if asked.query["user"] == odd:
            return {"data": [{"proxy_wallet": "?"}], "pagination": {}}
        raise web.HTTPServiceUnavailable

    venue.answers |= {"/v2/leaderboard": page(rows), "/v2/positions": away}
    text = (await attend(stack, DiscoverWhales(20))).as_text()
    assert asked_for == many[:5]
    assert text.count("left out") == 20
    assert text.count("not asked for: the 3 before it did not come") == 15


async def test_a_wallet_is_added_with_its_score_and_its_overrides(
    stack: Settings, store: PostgresStore
) -> None:
    own = Overrides(position_max=usd(50))
    answer = await attend(stack, AddWhale(ANNA.upper().replace("0X", "0x"), own, *WHO))
    assert "80 closed trades, evidence of skill" in answer.as_text()
    anna = await store.load_whale(ANNA)
    assert anna is not None
    assert anna.standing.is_followed
    assert anna.standing.overrides == own
    assert anna.standing.quality_score > Decimal("0.3")
    assert (anna.rank, anna.pseudonym) == (1, EVIL)
    assert len(await store.list_scores(ANNA, 9)) == 1
    assert await store.load_edge(ANNA) is not None
    assert "followed already" in await refused(stack, AddWhale(ANNA, NO_OVERRIDES, *WHO))


async def test_a_wallet_that_comes_back_is_said_to_be_paused_and_to_have_its_own_numbers(
    stack: Settings,
) -> None:
    await attend(stack, AddWhale(ANNA, Overrides(position_max=usd(50)), *WHO))
    for change in (WhaleChange.PAUSED, WhaleChange.REMOVED):
        await attend(stack, ChangeWhale(ANNA, change, *WHO))
    answer = await attend(stack, AddWhale(ANNA, NO_OVERRIDES, *WHO))
    assert "paused as before" in answer.as_text()
    assert told(answer)["overrides"] == {"position_max": "50"}


async def test_a_wallet_is_added_by_the_leaderboards_name(
    stack: Settings, store: PostgresStore
) -> None:
    await attend(stack, AddWhale("bert", NO_OVERRIDES, *WHO))
    assert BERT in await store.list_followed()
    assert "found none like 'nobody'" in await refused(
        stack, AddWhale("nobody", NO_OVERRIDES, *WHO)
    )


async def test_a_name_that_two_leaders_have_is_refused(stack: Settings, venue: FakeHttp) -> None:
    rows = [{"user_id": w, "user_name": "Twin", "rank": 1, "pnl": 1} for w in (ANNA, BERT)]
    venue.answers["/v2/leaderboard"] = page(list(rows))
    assert "more than one leader" in await refused(stack, AddWhale("twin", NO_OVERRIDES, *WHO))


async def test_a_wallet_whose_history_cannot_be_read_is_added_unscored(
    stack: Settings, store: PostgresStore
) -> None:
    answer = await attend(stack, AddWhale(CARL, NO_OVERRIDES, *WHO))
    assert "cannot be read yet" in answer.as_text()
    carl = await store.load_whale(CARL)
    assert carl is not None
    assert carl.standing.quality_score == 0
    assert "none yet" in (await attend(stack, ShowWhale(CARL))).as_text()


async def test_a_venue_that_is_away_is_said_to_be(stack: Settings, venue: FakeHttp) -> None:
    venue.answers.clear()
    assert "public record cannot be read" in await refused(stack, DiscoverWhales(3))


async def test_a_whale_is_paused_resumed_and_removed_by_name(
    stack: Settings, store: PostgresStore
) -> None:
    for change in (WhaleChange.PAUSED, WhaleChange.RESUMED, WhaleChange.REMOVED):
        answer = await attend(stack, ChangeWhale("deep-blue", change, *WHO))
        assert told(answer)["done"] == change.removeprefix("whale_")
    assert await store.list_followed() == frozenset()
    no = await refused(stack, ChangeWhale("deep-blue", WhaleChange.PAUSED, *WHO))
    assert "nobody follows it" in no


async def test_overrides_are_set_one_by_one_and_never_above_the_rules(
    stack: Settings, store: PostgresStore
) -> None:
    wallet = whale().standing.wallet
    own = Overrides(sizing_mode=SizingMode.FIXED, fixed_notional=usd(20))
    named = frozenset({"sizing_mode", "fixed_notional"})
    await attend(stack, SetWhale(wallet[:8], own, named, *WHO))
    capped = Overrides(position_max=usd(100))
    answer = await attend(stack, SetWhale(wallet, capped, frozenset({"position_max"}), *WHO))
    assert "position_max 100" in answer.as_text()
    found = await store.load_whale(wallet)
    assert found is not None
    assert found.standing.overrides == replace(own, position_max=usd(100))
    too_high = Overrides(position_max=usd(1001))
    no = await refused(stack, SetWhale(wallet, too_high, frozenset({"position_max"}), *WHO))
    assert no == "expected position_max of at most 1000, received 1001"
    assert "expected something to set" in await refused(
        stack, SetWhale(wallet, NO_OVERRIDES, frozenset(), *WHO)
    )
    dropped = SetWhale(wallet, NO_OVERRIDES, frozenset({*named, "position_max"}), *WHO)
    assert "the rules hold" in (await attend(stack, dropped)).as_text()


async def test_one_whale_is_shown_with_all_that_is_known(
    stack: Settings, store: PostgresStore
) -> None:
    await attend(stack, AddWhale(ANNA, Overrides(price_max=Price(Decimal("0.7"))), *WHO))
    theirs = EdgeWatch(9, Decimal("-0.1"), Decimal(12), Decimal(10), 9)
    ours = EdgeWatch(2, Decimal("0.1"), Decimal(0), Decimal(17))
    edge = await store.load_edge(ANNA)
    assert edge is not None
    looked = replace(edge, judged_at=NOW, theirs=theirs, ours=ours)
    assert await store.note_edge(ANNA, looked)
    await store.record_signal(replace(signal("s9"), wallet=ANNA), NOW)
    no = Refusal(Reason.QUALITY_TOO_LOW)
    await store.finish_signal(SignalId("s9"), SignalState.FILTERED, no, NOW)
    answer = await attend(stack, ShowWhale(ANNA[:5]))
    text = answer.as_text()
    for words in (
        "evidence of skill: a trade returned",
        "shortfall 12.00 of 10.00: gone",
        "shortfall 0.00 of 17.00: not gone",
        "overrides  by ann at",
        "price_max            0.7",
        "FILTERED QUALITY_TOO_LOW",
        "added 0xaaaa",
    ):
        assert words in text
    assert "\x1b" not in text
    found = told(answer)
    assert found["pseudonym"] == EVIL
    assert found["overrides"] == {"price_max": "0.7"}
    assert found["has_evidence"] is True


async def test_an_unscored_whale_is_shown_plainly_and_all_are_listed(stack: Settings) -> None:
    text = (await attend(stack, ShowWhale("Deep-Blue"))).as_text()
    assert "none yet: nothing is copied" in text
    assert "not watched" in text
    assert "none: the rules hold" in text
    assert "1 positions held" in text
    assert "Deep-Blue" in (await attend(stack, ListWhales())).as_text()


async def test_what_means_two_whales_is_refused(stack: Settings, store: PostgresStore) -> None:
    await attend(stack, AddWhale(BERT, NO_OVERRIDES, *WHO))
    assert "more than one whale is '0xb'" in await refused(stack, ShowWhale("0xb"))
    assert "found none like '0xd'" in await refused(stack, ShowWhale("0xd"))
    exact = await attend(stack, ShowWhale(BERT))
    assert told(exact)["wallet"] == BERT


async def test_a_scoring_runs_in_temporal_and_its_scores_are_shown(
    stack: Settings,
    store: PostgresStore,
    temporal_client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = f"scoring-{uuid4().hex}"
    monkeypatch.setattr(names, "TASK_QUEUE", queue)
    monkeypatch.setattr(names, "SCORE_SCHEDULE", queue)
    wallet = whale().standing.wallet
    history = History(positions={wallet: closed(wallet, 0.7, 60, 1, -90)})
    ports = ScoringPorts(history, store, store)
    steps = ScoringActivities(ports, ScoreRules(), lambda: NOW)
    address = temporal_client.service_client.config.target_host
    asked = stack.model_copy(update={"temporal_address": address})
    async with Worker(
        temporal_client,
        task_queue=queue,
        workflows=[ScoreWhalesWorkflow],
        activities=[steps.score_whales, steps.conclude_scoring],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        one = await attend(asked, ScoreNow("deep-blue"))
        everyone = await attend(asked, ScoreNow(""))
    assert "1 scored, 1 with evidence of skill" in one.as_text()
    assert told(everyone)["scored"] == 1
    scores = told(everyone)["scores"]
    assert isinstance(scores, list)
    assert scores[0]["wallet"] == wallet
    described = await temporal_client.get_workflow_handle(names.score_whales_id(wallet)).describe()
    assert described.typed_search_attributes[names.WHALE] == wallet
