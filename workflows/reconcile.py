"""Keep looking for what nobody looks after; a schedule starts one run after the other."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.records import Sweep
    from activities.sweep import SweepActivities
    from workflows import options


@workflow.defn
class ReconcileWorkflow:
    """Sweeps for a while inside one activity, so that its history stays short."""

    @workflow.run
    async def run(self) -> Sweep:
        """Sweep until it is the next run's turn."""
        found = await workflow.execute_activity_method(
            SweepActivities.sweep,
            summary="look for orders, signals and positions without an owner",
            **options.SWEEP,
        )
        workflow.set_current_details(found.describe())
        return found
