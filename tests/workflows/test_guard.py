"""The guard of a wallet: waits for what ends by itself, and takes people's words."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.guard import GuardActivities, GuardReview, KillOrder, OverrideOrder
from storage.breakers import save_trip
from storage.guard_port import KillSource
from storage.postgres import PostgresStore
from tests.storage.builders import WALLET
from tests.workflows.hall import OURS, until
from trading.breakers import Breaker, Trip
from trading.rules import RiskRules
from trading.types import Wallet
from workflows import names, options
from workflows.guard import RiskGuardWorkflow

HOUR = timedelta(hours=1)
WORD = KillOrder("ann", "odd fills")

Guard = WorkflowHandle[RiskGuardWorkflow, None]


def server_time() -> datetime:
    """Return the time as the server has it, which may skip."""
    return activity.info().current_attempt_scheduled_time


@dataclass
class Post:
    """A guard on duty, and what its looks have said."""

    store: PostgresStore
    client: Client
    queue: str = field(default_factory=lambda: f"guard-{uuid.uuid4().hex}")
    reviews: list[GuardReview] = field(default_factory=list)

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[Guard]:
        acts = GuardActivities(self.store, RiskRules(), server_time)

        @activity.defn(name="review_breakers")
        async def review_breakers() -> GuardReview:
            self.reviews.append(await acts.review_breakers())
            return self.reviews[-1]

        restrictions = SandboxRestrictions.default.with_passthrough_modules(*OURS)
        async with Worker(
            self.client,
            task_queue=self.queue,
            workflows=[RiskGuardWorkflow],
            activities=[
                review_breakers,
                acts.override_breaker,
                acts.pull_switch,
                acts.release_switch,
            ],
            workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
            build_id="tests",
        ):
            guard = await self.client.start_workflow(
                RiskGuardWorkflow.run, WALLET, id=f"{self.queue}/{WALLET}", task_queue=self.queue
            )
            await until(self.has_looked)
            yield guard
            await self.client.get_workflow_handle(guard.id).terminate()

    async def has_looked(self) -> bool:
        return bool(self.reviews)

    async def trip(self, now: datetime, ends_in: timedelta = HOUR) -> None:
        tripped = Trip(Breaker.FAILURE_RATE, "", now, now + ends_in, "3 of 21 orders failed")
        async with self.store.transaction() as connection:
            await save_trip(connection, WALLET, tripped)


@pytest.fixture
async def records(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    yield store
    await store.close()


@pytest.fixture
def post(records: PostgresStore, temporal_client: Client) -> Post:
    return Post(records, temporal_client)


async def test_a_breaker_that_ends_by_itself_is_seen_to_end(
    records: PostgresStore, time_skipping_env: WorkflowEnvironment
) -> None:
    post = Post(records, time_skipping_env.client)
    began = await time_skipping_env.get_current_time()
    await post.trip(began, timedelta(minutes=3))
    async with post.guarded():
        assert "3 of 21" in post.reviews[0].summary
        await time_skipping_env.sleep(timedelta(minutes=4))
        assert post.reviews[-1].summary == "entries may leave"
        assert len(post.reviews) < 10
        await time_skipping_env.sleep(timedelta(hours=2))
        assert 20 < len(post.reviews) < 40  # a look every five minutes, whatever is told


async def test_its_history_is_cut_before_it_grows_long(
    records: PostgresStore,
    time_skipping_env: WorkflowEnvironment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(options, "GUARD_EVENTS_MAX", 40)
    post = Post(records, time_skipping_env.client)
    async with post.guarded() as guard:
        await time_skipping_env.sleep(timedelta(hours=2))
        latest = await post.client.get_workflow_handle(guard.id).describe()
        assert latest.run_id != guard.first_execution_run_id
        assert latest.history_length < 60


async def test_news_make_it_look_at_once(post: Post) -> None:
    async with post.guarded() as guard:
        assert post.reviews[-1].summary == "entries may leave"
        await post.trip(datetime.now(UTC))
        await guard.signal(names.BREAKERS_CHANGED)

        async def has_seen() -> bool:
            return "3 of 21" in post.reviews[-1].summary

        await until(has_seen)


async def test_a_person_lifts_a_breaker_with_who_and_why(post: Post) -> None:
    async with post.guarded() as guard:
        await post.trip(datetime.now(UTC))
        order = OverrideOrder(Breaker.FAILURE_RATE, "ann", "it was the venue")
        told = await guard.execute_update(names.OVERRIDE_BREAKER, order, result_type=str)
        assert told.startswith("FAILURE_RATE is lifted until")


@pytest.mark.parametrize(
    "order",
    [
        OverrideOrder(Breaker.DRAWDOWN, "", "why"),
        OverrideOrder(Breaker.DRAWDOWN, "ann", ""),
        OverrideOrder(Breaker.DRAWDOWN, "ann", "why", datetime.fromisoformat("2001-01-01T00:00Z")),
    ],
)
async def test_a_word_that_says_too_little_is_refused(post: Post, order: OverrideOrder) -> None:
    async with post.guarded() as guard:
        with pytest.raises(WorkflowUpdateFailedError):
            await guard.execute_update(names.OVERRIDE_BREAKER, order, result_type=str)


async def test_the_switch_is_pulled_and_let_go_by_updates(post: Post) -> None:
    async with post.guarded() as guard:
        review = await guard.execute_update(names.PULL_SWITCH, WORD, result_type=GuardReview)
        assert "TEMPORAL (ann): odd fills" in review.summary
        assert [k.source for k in await post.store.list_kills()] == [KillSource.TEMPORAL]
        review = await guard.execute_update(names.RELEASE_SWITCH, WORD, result_type=GuardReview)
        assert (review.summary, review.holders) == ("entries may leave", ())
        with pytest.raises(WorkflowUpdateFailedError):
            await guard.execute_update(
                names.PULL_SWITCH, KillOrder("ann", ""), result_type=GuardReview
            )


async def test_a_signal_pulls_the_switch(post: Post) -> None:
    async with post.guarded() as guard:
        await guard.signal(names.HALT, WORD)

        async def is_held() -> bool:
            return bool(await post.store.list_kills())

        await until(is_held)


def test_each_wallet_has_one_guard() -> None:
    assert names.risk_guard_id(Wallet("0xa1")) == "risk-guard/0xa1"
