"""The schedule by which Temporal scores every followed wallet."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from ingest.schedules import Plan, ScheduleKeeper
from trading.rules import ScoreRules
from trading.scoring import ScoreRequest
from workflows import names, options
from workflows.score_whales import ScoreWhalesWorkflow

CATCH_UP = timedelta(hours=12)


def score_keeper(
    client: Client, rules: ScoreRules, task_queue: str = names.TASK_QUEUE
) -> ScheduleKeeper:
    """Return who sees to it that every followed wallet is scored again and again."""
    action = ScheduleActionStartWorkflow(
        ScoreWhalesWorkflow.run,
        ScoreRequest(),
        id=names.SCORE_SCHEDULE,
        task_queue=task_queue,
        task_timeout=options.TASK_TIMEOUT,
        static_summary="scores every followed wallet and watches its edge",
    )
    schedule = Schedule(
        action,
        ScheduleSpec(intervals=[ScheduleIntervalSpec(every=rules.every)]),
        SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
    return ScheduleKeeper(client, Plan(names.SCORE_SCHEDULE, schedule))
