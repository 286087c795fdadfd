"""A scoring goes on until all are done, shows how far it is, and keeps its history short."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from exchange.port import UnavailableError
from tests.workflows.hall import OURS
from trading.scoring import ScoreRequest, ScoreTally
from trading.types import Wallet
from workflows import names, options
from workflows.score_whales import ScoreWhalesWorkflow

Scoring = WorkflowHandle[ScoreWhalesWorkflow, ScoreTally]
ONE = Wallet("0x" + "1" * 40)


@dataclass
class Office:
    """Scores one wallet in a step; its first `failures` attempts of a step fail."""

    env: WorkflowEnvironment
    wallets: int
    failures: int = 0
    requests: list[ScoreRequest] = field(default_factory=list)
    seen: list[ScoreTally] = field(default_factory=list)

    @activity.defn(name="score_whales")
    async def score_whales(self, request: ScoreRequest) -> ScoreTally:
        self.requests.append(request)
        if activity.info().attempt <= self.failures:
            raise UnavailableError("HTTP 503")
        self.seen.append(await self._progress())
        scored = request.tally.scored + 1
        after = Wallet(f"0x{scored:040x}")
        return replace(request.tally, after=after, scored=scored, is_done=scored >= self.wallets)

    @activity.defn(name="conclude_scoring")
    async def conclude_scoring(self, tally: ScoreTally) -> ScoreTally:
        return replace(tally, with_evidence=1)

    async def _progress(self) -> ScoreTally:
        id_ = activity.info().workflow_id
        assert id_ is not None
        handle = self.env.client.get_workflow_handle(id_)
        found: ScoreTally = await handle.query(names.PROGRESS, result_type=ScoreTally)
        return found

    @asynccontextmanager
    async def working(self, request: ScoreRequest) -> AsyncIterator[Scoring]:
        queue = f"scores-{uuid.uuid4().hex}"
        restrictions = SandboxRestrictions.default.with_passthrough_modules(*OURS)
        async with Worker(
            self.env.client,
            task_queue=queue,
            workflows=[ScoreWhalesWorkflow],
            activities=[self.score_whales, self.conclude_scoring],
            workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
            build_id="tests",
        ):
            yield await self.env.client.start_workflow(
                ScoreWhalesWorkflow.run,
                request,
                id=f"{names.score_whales_id(request.wallet)}-{queue}",
                task_queue=queue,
            )


async def test_it_goes_on_until_all_are_done_and_tells_how_far_it_is(
    time_skipping_env: WorkflowEnvironment,
) -> None:
    office = Office(time_skipping_env, wallets=3)
    async with office.working(ScoreRequest()) as scoring:
        done = await scoring.result()
    assert (done.scored, done.with_evidence, done.is_done) == (3, 1, True)
    assert [request.tally.scored for request in office.requests] == [0, 1, 2]
    assert [tally.scored for tally in office.seen] == [0, 1, 2]


async def test_a_venue_that_is_away_for_a_while_is_asked_again(
    time_skipping_env: WorkflowEnvironment,
) -> None:
    office = Office(time_skipping_env, wallets=2, failures=3)
    async with office.working(ScoreRequest()) as scoring:
        assert (await scoring.result()).scored == 2
    assert len(office.requests) == 8


async def test_a_long_scoring_continues_as_new_after_its_last_wallet(
    time_skipping_env: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "SCORE_EVENTS_MAX", 20)
    office = Office(time_skipping_env, wallets=9)
    async with office.working(ScoreRequest()) as scoring:
        done = await scoring.result()
        latest = await time_skipping_env.client.get_workflow_handle(scoring.id).describe()
    assert done.scored == 9
    assert [request.tally.scored for request in office.requests] == list(range(9))
    assert latest.run_id != scoring.first_execution_run_id
    assert latest.history_length < 45


async def test_one_wallet_is_one_step(time_skipping_env: WorkflowEnvironment) -> None:
    office = Office(time_skipping_env, wallets=1)
    async with office.working(ScoreRequest(ONE)) as scoring:
        assert (await scoring.result()).scored == 1
    assert [request.wallet for request in office.requests] == [ONE]
