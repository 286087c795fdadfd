"""The schedule by which Temporal reconciles one wallet."""

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
from trading.types import Wallet
from workflows import names, options
from workflows.reconcile import ReconcileWorkflow

EVERY = timedelta(seconds=5)  # so long, at most, nobody looks between two runs
CATCH_UP = timedelta(seconds=30)


def reconcile_keeper(
    client: Client, wallet: Wallet, task_queue: str = names.TASK_QUEUE
) -> ScheduleKeeper:
    """Return who sees to it that one reconciling workflow per wallet runs, one after the other.

    The schedule is lost when Temporal's database is: then what must be reconciled is most.
    """
    action = ScheduleActionStartWorkflow(
        ReconcileWorkflow.run,
        id=names.reconcile_id(wallet),
        task_queue=task_queue,
        task_timeout=options.TASK_TIMEOUT,
        static_summary="looks after what nobody looks after",
    )
    schedule = Schedule(
        action,
        ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
    return ScheduleKeeper(client, Plan(names.reconcile_id(wallet), schedule, is_urgent=True))
