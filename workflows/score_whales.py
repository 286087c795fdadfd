"""Score every followed wallet, or one; a schedule starts it daily, and so may a person."""

from dataclasses import replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.scoring import ScoreRequest, ScoreTally, ScoringActivities
    from workflows import names, options


@workflow.defn
class ScoreWhalesWorkflow:
    """Goes through the wallets in order, some in a step; how far it is can be seen and asked."""

    @workflow.init
    def __init__(self, request: ScoreRequest) -> None:
        self._tally = request.tally

    @workflow.run
    async def run(self, request: ScoreRequest) -> ScoreTally:
        """Score until all are done, or continue as new after the wallet that was last."""
        while not self._tally.is_done:
            if _is_history_long():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(replace(request, tally=self._tally))
            self._show(await self._score(replace(request, tally=self._tally)))
        done = await workflow.execute_activity_method(
            ScoringActivities.conclude_scoring,
            self._tally,
            summary="hold scores against what came after them",
            **options.NOTE,
        )
        self._show(done)
        return done

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> ScoreTally:
        """Return how far it is."""
        return self._tally

    async def _score(self, request: ScoreRequest) -> ScoreTally:
        after = request.tally.after
        whom = request.wallet or (f"the wallets after {after}" if after else "the first wallets")
        return await workflow.execute_activity_method(
            ScoringActivities.score_whales, request, summary=f"score {whom}", **options.SCORE
        )

    def _show(self, tally: ScoreTally) -> None:
        self._tally = tally
        workflow.set_current_details(tally.describe())


def _is_history_long() -> bool:
    info = workflow.info()
    is_long = info.get_current_history_length() > options.SCORE_EVENTS_MAX
    return is_long or info.is_continue_as_new_suggested()
