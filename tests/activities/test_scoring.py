"""Scores are kept wallet by wallet; an edge that is gone pauses its whale, with the numbers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.scoring import ScoringActivities, ScoringPorts, describe_loss
from exchange.port import UnavailableError, WireError
from storage.postgres import PostgresStore
from storage.tables import events
from storage.whale_port import Edge, WhaleChange, Word
from tests.storage.builders import NOW, WALLET, bought, sold, whale
from tests.whale_history import History, closed
from trading.edge import Baseline, EdgeWatch
from trading.rules import RiskRules, ScoreRules
from trading.scoring import ScoreRequest, ScoreTally
from trading.types import Usd, Wallet

WALLETS = [Wallet("0x" + digit * 40) for digit in "12345"]
ANN = Word("ann", "she asked", NOW)
RULES = replace(ScoreRules(), batch=2)


@dataclass
class Bench:
    """The activities over real records, with what they are asked through."""

    store: PostgresStore
    history: History
    steps: ScoringActivities
    rests: list[timedelta]
    beats: list[object] = field(default_factory=list)
    attempt: int = 1
    found: object = None

    async def score(self, request: ScoreRequest, *details: object) -> ScoreTally:
        env = ActivityEnvironment()
        env.on_heartbeat = lambda *beat: self.beats.extend(beat)
        env.info = replace(env.info, attempt=self.attempt, heartbeat_details=details)
        return await env.run(self.steps.score_whales, request)

    async def all(self) -> ScoreTally:
        tally = ScoreTally()
        while not tally.is_done:
            tally = await self.score(ScoreRequest(tally=tally))
        return tally

    async def told(self, kind: str) -> list[tuple[str, dict[str, str]]]:
        query = select(events.c.title, events.c.metadata).where(events.c.type == kind)
        async with self.store.transaction() as connection:
            return [(row[0], row[1]) for row in await connection.execute(query)]


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    """Five followed wallets, asked for two in a step, with a clock that stands."""
    store, history, rests = PostgresStore(database_url, RiskRules(), WALLET), History(), []
    for wallet in WALLETS:
        one = replace(whale(), standing=replace(whale().standing, wallet=wallet))
        await store.follow_whale(one, ANN)
        history.positions[wallet] = closed(wallet, 0.7, 60, int(wallet[2]), -90)

    async def rest(time: timedelta) -> None:
        rests.append(time)

    ports = ScoringPorts(history, store, store)
    yield Bench(store, history, ScoringActivities(ports, RULES, lambda: NOW, rest), rests)
    await store.close()


async def test_every_followed_wallet_is_scored_once_in_order_and_gently(bench: Bench) -> None:
    tally = await bench.all()
    assert bench.history.asked == WALLETS
    assert (tally.scored, tally.failed, tally.paused) == (5, 0, ())
    assert tally.with_evidence >= 3
    assert bench.rests == [RULES.apart] * 2  # between the wallets of a step
    for wallet in WALLETS:
        (score,) = await bench.store.list_scores(wallet, 9)
        assert score.closed_trades == 60
        assert await bench.store.load_edge(wallet) is not None


async def test_a_step_that_died_goes_on_after_its_last_heartbeat(bench: Bench) -> None:
    tally = await bench.score(ScoreRequest())
    assert tally.after == WALLETS[1]
    bench.history.asked.clear()
    again = await bench.score(ScoreRequest(), bench.beats[0])
    assert bench.history.asked == WALLETS[1:3]
    assert again.scored == 3
    assert len(again.halves) == 3


async def test_one_wallet_is_scored_alone(bench: Bench) -> None:
    tally = await bench.score(ScoreRequest(WALLETS[3]))
    assert bench.history.asked == [WALLETS[3]]
    assert (tally.is_done, tally.scored) == (True, 1)
    stranger = await bench.score(ScoreRequest(Wallet("0x" + "f" * 40)))
    assert (stranger.scored, stranger.failed) == (0, 1)


async def test_an_unreadable_history_hides_no_other_wallet(bench: Bench) -> None:
    bench.history.failing[WALLETS[0]] = WireError("no such field")
    tally = await bench.all()
    assert (tally.scored, tally.failed) == (4, 1)
    ((title, _),) = await bench.told("whale_not_scored")
    assert "no such field" in title


async def test_a_history_that_does_not_come_is_asked_for_again_but_not_for_ever(
    bench: Bench,
) -> None:
    bench.history.failing[WALLETS[0]] = UnavailableError("HTTP 503")
    with pytest.raises(UnavailableError):
        await bench.score(ScoreRequest())
    bench.attempt = RULES.tries
    tally = await bench.score(ScoreRequest())
    assert (tally.scored, tally.failed, tally.after) == (1, 1, WALLETS[1])


async def test_a_whale_whose_own_edge_is_gone_is_paused_with_the_numbers(bench: Bench) -> None:
    wallet = WALLETS[0]
    await bench.all()
    bench.history.positions[wallet] += closed(wallet, -0.5, 60, 77, 1)
    tally = await bench.all()
    assert tally.paused == (wallet,)
    ((title, said),) = await bench.told("whale_paused")
    assert said["who"] == "whalecopy"
    assert "edge gone by its own results" in title
    assert "since 2026-11-22" in title
    record = await bench.store.load_whale(wallet)
    assert record is not None
    assert record.standing.is_paused
    assert (await bench.all()).paused == ()  # told once


async def test_a_person_who_resumes_it_begins_a_new_watch(bench: Bench) -> None:
    wallet = WALLETS[0]
    await bench.all()
    bench.history.positions[wallet] += closed(wallet, -0.5, 60, 77, 1)
    await bench.all()
    word = Word("ann", "a bad month", NOW + timedelta(days=70))
    assert await bench.store.change_whale(wallet, WhaleChange.RESUMED, word)
    assert (await bench.all()).paused == ()


@pytest.mark.parametrize("moment", ["our_results", "note_edge"])
async def test_a_person_who_resumes_it_while_it_is_scored_is_not_overruled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The look is at the watch that ended: before it is noted, and after."""
    wallet = WALLETS[0]
    await bench.all()
    bench.history.positions[wallet] += closed(wallet, -0.5, 60, 77, 1)
    await bench.store.change_whale(wallet, WhaleChange.PAUSED, ANN)
    store, real = bench.store, getattr(bench.store, moment)

    async def meanwhile(*args: object) -> object:
        found = await real(*args)
        word = Word("ann", "a bad month", NOW + timedelta(days=70))
        if args[0] == wallet:
            await store.change_whale(wallet, WhaleChange.RESUMED, word)
        return found

    monkeypatch.setattr(store, moment, meanwhile)
    assert (await bench.all()).paused == ()
    record = await store.load_whale(wallet)
    assert record is not None
    assert not record.standing.is_paused
    edge = await store.load_edge(wallet)
    assert edge is not None
    assert (edge.since, edge.judged_at) == (NOW + timedelta(days=70), None)


async def test_a_whale_that_goes_on_winning_is_left_alone(bench: Bench) -> None:
    """The control of the pause: the same number of results, as good as before."""
    wallet = WALLETS[0]
    await bench.all()
    bench.history.positions[wallet] += closed(wallet, 0.7, 60, 77, 1)
    assert (await bench.all()).paused == ()
    edge = await bench.store.load_edge(wallet)
    assert edge is not None
    assert edge.theirs is not None
    assert edge.theirs.trades == 60


async def test_copies_that_lose_pause_the_whale_too() -> None:
    edge = Edge(Baseline(Decimal("0.5"), Decimal("0.3"), 90), NOW)
    fine = EdgeWatch(40, Decimal("0.1"), Decimal(1), Decimal(10))
    lost = EdgeWatch(40, Decimal("-0.2"), Decimal(18), Decimal("17.8"), 31)
    assert describe_loss(edge, fine, fine) == ""
    words = describe_loss(edge, fine, lost)
    assert words.startswith("edge gone by our copies: after 31 of 40 since 2026-11-22")
    assert "18.00 passed 17.80; mean result -20.00%" in words


async def test_our_own_results_are_part_of_the_look(bench: Bench) -> None:
    await bench.store.record_deposit(Usd(Decimal(10_000)), "bankroll", NOW)
    await bench.store.acquire_lease(WALLET, "us", NOW)
    await bench.store.follow_whale(whale(), ANN)
    mine = whale().standing.wallet
    base = Baseline(Decimal("0.5"), Decimal("0.3"), 90)
    await bench.store.begin_edge(mine, base, NOW - timedelta(days=1))
    await sold(bench.store, await bought(bench.store), at="0.40")
    await bench.score(ScoreRequest(mine))
    edge = await bench.store.load_edge(mine)
    assert edge is not None
    assert edge.ours is not None
    assert (edge.ours.trades, edge.ours.mean_result) == (1, Decimal("-0.2"))


async def test_a_scoring_ends_with_an_event_that_says_whether_scores_say_anything(
    bench: Bench,
) -> None:
    tally = await bench.all()
    done = await bench.steps.conclude_scoring(tally)
    assert done.halves == ()
    assert done.correlation is not None
    ((title, said),) = await bench.told("whales_scored")
    assert title.startswith("5 scored")
    assert said["wallets_compared"] == "5"
    assert Decimal(said["rank_correlation_low"]) <= Decimal(said["rank_correlation"])
    nothing = await bench.steps.conclude_scoring(ScoreTally())
    assert nothing.correlation is None
