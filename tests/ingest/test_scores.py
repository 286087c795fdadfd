"""The schedule that scores every followed wallet is there."""

from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy

from ingest.scores import score_keeper
from trading.rules import ScoreRules
from workflows import names


async def test_every_followed_wallet_is_scored_daily(temporal_client: Client) -> None:
    await score_keeper(temporal_client, ScoreRules(), "nobody").ensure()
    handle = temporal_client.get_schedule_handle(names.SCORE_SCHEDULE)
    try:
        described = await handle.describe()
        schedule = described.schedule
        assert [interval.every for interval in schedule.spec.intervals] == [ScoreRules().every]
        assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
        assert isinstance(schedule.action, ScheduleActionStartWorkflow)
        assert schedule.action.workflow == "ScoreWhalesWorkflow"
        await score_keeper(temporal_client, ScoreRules(), "nobody").ensure()
        assert (await handle.describe()).info.num_actions <= 1  # a new process triggers none
    finally:
        for run in (await handle.describe()).info.running_actions:
            await temporal_client.get_workflow_handle(run.workflow_id).terminate()  # type: ignore[attr-defined]
        await handle.delete()
