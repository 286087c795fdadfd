"""Has entries that were sent wait for their fills a little later while a crowd is not sent yet."""

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from ingest.pace import Pace
from trading.types import OrderHash

PLACING = "place_order"
WAITING = "await_fill"


class CrowdControl(Interceptor):
    """Stands before and after steps of orders, in the worker whose pace it is."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the name is the framework's
        """Take a place in the chain around every activity."""
        return _GivingWay(next, self._pace)


class _GivingWay(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, pace: Pace) -> None:
        super().__init__(inner)
        self._pace = pace

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 - the name is the framework's
        """Run a step; all that was learned of the order is in the records before it waits."""
        step = input.fn.__name__
        if step == WAITING:
            await self._pace.give_way(OrderHash(input.args[0]), is_last=True)
        answer: object = await self.next.execute_activity(input)
        if step == PLACING:
            await self._pace.give_way(OrderHash(input.args[0]), is_last=False)
        return answer
