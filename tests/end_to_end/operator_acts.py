"""What a person does to running trades, by the commands that a person has, and what it leads to."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from temporalio.client import WorkflowExecutionStatus

from embedded.binaries import find_temporal
from tests.chaos.crash_books import Books, read_books
from tests.chaos.crash_nursery import ROOT, Child
from tests.chaos.crash_play import PRICES
from tests.chaos.crash_points import Kind, Rests
from tests.chaos.crash_scene import Scene, TooSlowError
from tests.chaos.crash_stage import Lane
from tests.chaos.crash_traps import Orders
from trading.types import ZERO, ExitReason, ExitRequest, PositionId, Side
from workflows import names

COMMAND_S = 30.0
TRIES = 3


@dataclass(frozen=True, slots=True)
class Told:
    """How one act ended: the signal's state, how long it took, how often it was sent."""

    state: str
    seconds: float  # from the act to the end of everything
    orders: int  # at the venue
    posts: int  # that the venue counted
    exits: int  # that were begun
    bought: Decimal
    sold: Decimal
    problems: Sequence[str]
    log: str


Act = Callable[[Scene, list[Child]], Awaitable[None]]


async def act_on(lane: Lane, number: int, rests: Rests, act: Act) -> Told:
    """Let an entry rest (or fill, `Rests.NO`), act on it, and wait until nothing is on its way."""
    for _ in range(TRIES):
        scene = Scene(lane, number)
        workers: list[Child] = []
        try:
            await begin(scene, rests, workers)
            begun = time.monotonic()
            await act(scene, workers)
            books = await scene.until_settled()
            return await _tell(scene, books, time.monotonic() - begun, workers)
        except TooSlowError:
            continue
        except (AssertionError, TimeoutError) as error:
            books = await read_books(lane, scene.token)
            told = await _tell(scene, books, 0.0, workers)
            return replace(told, problems=[f"{type(error).__name__}: {error}", *told.problems])
        finally:
            for worker in workers:
                await worker.kill()
    problem = f"this machine was {TRIES} times too slow for a fresh signal"
    return Told("", 0.0, 0, 0, 0, ZERO, ZERO, [problem], "")


async def begin(scene: Scene, rests: Rests, workers: list[Child]) -> None:
    """Bring an entry to the venue by a worker that prices it so that it rests."""
    await hire(scene, rests, workers)
    await scene.tell(Side.BUY)
    if rests is Rests.NO:
        await scene.until(scene.is_held, workers[-1], "a settled position")
    else:
        await scene.until(scene.is_resting, workers[-1], "a resting order")


async def hire(scene: Scene, rests: Rests, workers: list[Child]) -> None:
    """Start a worker of the product; nothing but its price is changed."""
    orders = Orders("", Kind.ENTRY, scene.token, buy_price=PRICES[rests])
    order_type = "FAK" if rests is Rests.NO else "GTC"
    workers.append(await scene.lane.hire(f"operated-{scene.whale[-4:]}", order_type, orders))


async def _tell(scene: Scene, books: Books, seconds: float, workers: Sequence[Child]) -> Told:
    problems = await scene.problems(books)
    matched = {
        side: sum((Decimal(o["matched"]) for o in books.venue_orders if o["side"] == side), ZERO)
        for side in Side
    }
    return Told(
        state=str(books.signals[0]["state"]) if books.signals else "",
        seconds=seconds,
        orders=len(books.venue_orders),
        posts=sum(order["posts"] for order in books.venue_orders),
        exits=max((position["exit_epoch"] for position in books.positions), default=0),
        bought=matched[Side.BUY],
        sold=matched[Side.SELL],
        problems=problems,
        log="\n——\n".join([str(books), *(worker.told() for worker in workers)]),
    )


async def temporal(lane: Lane, *words: str) -> None:
    """Run the `temporal` command on this lane's namespace; it must succeed."""
    where = ("--address", lane.env["TEMPORAL_ADDRESS"])
    await _run(
        (str(find_temporal()), *words, *where, "--namespace", lane.env["TEMPORAL_NAMESPACE"]), {}
    )


async def whalecopy(lane: Lane, *words: str) -> None:
    """Run the `whalecopy` command with this lane's environment; it must succeed."""
    await _run((sys.executable, str(ROOT / "cli.py"), *words), lane.env)


async def _run(command: Sequence[str], env: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **env},
        cwd=ROOT,
    )
    async with asyncio.timeout(COMMAND_S):
        told, _ = await process.communicate()
    assert process.returncode == 0, f"{command}\n{told.decode(errors='replace')}"


async def cancel_by_temporal(scene: Scene, _workers: list[Child]) -> None:
    """Cancel the trade's workflow."""
    await temporal(scene.lane, "workflow", "cancel", "--workflow-id", scene.trade_id)


async def cancel_by_whalecopy(scene: Scene, _workers: list[Child]) -> None:
    """Tell the trade to end, with who and why."""
    words = ("cancel", scene.signals[0], "--who", "operator", "--why", "changed my mind")
    await whalecopy(scene.lane, *words)


async def terminate(scene: Scene, _workers: list[Child]) -> None:
    """End the trade's workflow without any clean-up of its own."""
    words = ("workflow", "terminate", "--workflow-id", scene.trade_id, "--reason", "a test")
    await temporal(scene.lane, *words)


async def reset_then_cancel(scene: Scene, workers: list[Child]) -> None:
    """Let the trade's workflow begin again, see that nothing is sent twice, and cancel it."""
    first_run = (await scene.trade().describe()).run_id
    words = ("workflow", "reset", "--workflow-id", scene.trade_id)
    await temporal(scene.lane, *words, "--type", "FirstWorkflowTask", "--reason", "a test")

    async def waits_again() -> bool:
        told = await scene.trade().describe()
        pending = [
            activity.activity_type.name for activity in told.raw_description.pending_activities
        ]
        return told.run_id != first_run and "await_fill" in pending

    await scene.until(waits_again, workers[-1], "the trade to wait for its order again")
    await cancel_by_temporal(scene, workers)


async def cancel_and_kill_worker(scene: Scene, workers: list[Child]) -> None:
    """Cancel the trade and kill its worker once the venue has heard of it; another one comes."""
    await cancel_by_temporal(scene, workers)

    async def is_heard() -> bool:
        return not await scene.is_resting()

    await scene.until(is_heard, workers[-1], "a cancelled order")
    await workers[-1].kill()
    await hire(scene, Rests.NO, workers)


async def terminate_position(scene: Scene, workers: list[Child]) -> None:
    """End the workflow of the position that the trade made, and wait for another one."""
    workflow_id = await _position_of(scene)
    words = ("workflow", "terminate", "--workflow-id", workflow_id, "--reason", "a test")
    await temporal(scene.lane, *words)

    async def is_owned() -> bool:
        return await scene.status(workflow_id) is WorkflowExecutionStatus.RUNNING

    await scene.until(is_owned, workers[-1], "another owner")


async def close_and_kill_worker(scene: Scene, workers: list[Child]) -> None:
    """Close the position by command and kill the worker in its exit; another one comes."""
    position = (await _position_of(scene)).removeprefix("position/")
    await whalecopy(scene.lane, "close", position, "--who", "operator", "--why", "enough")
    await workers[-1].kill()
    await hire(scene, Rests.NO, workers)

    async def is_closed() -> bool:
        query = "SELECT status FROM positions WHERE token_id = :token"
        (row,) = await scene.lane.rows(query, token=scene.token)
        return bool(row["status"] == "CLOSED")

    await scene.until(is_closed, workers[-1], "a closed position")


async def ask_for_exit_four_times(scene: Scene, _workers: list[Child]) -> None:
    """Let stop, target, a person and the whale ask for the same exit at once."""
    owner = scene.lane.temporal.get_workflow_handle(await _position_of(scene))
    reasons = (ExitReason.STOP_LOSS, ExitReason.TAKE_PROFIT, ExitReason.OPERATOR)
    requests = [ExitRequest(reason, Decimal(1), who="test") for reason in reasons]
    await asyncio.gather(
        *(owner.signal(names.REQUEST_EXIT, request) for request in requests),
        scene.tell(Side.SELL),
    )


async def _position_of(scene: Scene) -> str:
    query = "SELECT position_id FROM positions WHERE token_id = :token"
    (row,) = await scene.lane.rows(query, token=scene.token)
    return names.position_workflow_id(PositionId(row["position_id"]))
