"""Plays one run: a worker dies at its point, another takes over, and the books are read."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.crash_books import OVER, Books, read_books, unfinished
from tests.chaos.crash_nursery import Child
from tests.chaos.crash_points import Kind, Rests, Run
from tests.chaos.crash_scene import SETTLED_S, Scene, TooSlowError
from tests.chaos.crash_stage import Lane
from tests.chaos.crash_traps import CRASHED, Orders
from trading.types import Side, SignalState

TRIES = 3
PLANTED_S = 20.0  # what a planted bug has broken never settles
PRICES = {Rests.NO: "", Rests.PARTLY: "0.511", Rests.WHOLLY: "0.45"}
"""Limits that keep an entry from being filled at once, on the tape of `crash_tape`."""

_DEAR = "0.60"
_EARLY = ("CP-1", "CP-2", "CP-3", "CP-4", "CP-5", "CP-6")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run ended with; no faults means that it is as it must be."""

    run: Run
    faults: tuple[str, ...]
    states: tuple[str, ...]
    seconds: float
    told: str  # the books and the ends of both workers' logs


async def play(lane: Lane, run: Run, number: int) -> Outcome:
    """Play a run, again on another market when this machine was too slow for a fresh signal."""
    for _ in range(TRIES):
        with contextlib.suppress(TooSlowError):
            return await Play(Scene(lane, number), run).go()
    return Outcome(run, (f"this machine was too slow {TRIES} times",), (), 0.0, "")


class Play:
    """One run on a market of its own."""

    def __init__(self, scene: Scene, run: Run) -> None:
        self._scene = scene
        self._run = run

    async def go(self) -> Outcome:
        """Play it; whatever goes wrong is told, not raised.

        Raises:
            TooSlowError: nothing was sent in time, so that there was nothing to die of.
        """
        begun = time.monotonic()
        workers: list[Child] = []
        try:
            books = await self._play(workers)
            self._check_in_time(books)
            found = [*await self._scene.problems(books), *self._unexpected(books)]
        except (AssertionError, TimeoutError) as error:
            books = await read_books(self._scene.lane, self._scene.token)
            found = [f"{type(error).__name__}: {error}", *unfinished(books)]
        finally:
            for worker in workers:
                await worker.kill()
        return Outcome(
            run=self._run,
            faults=tuple(found),
            states=tuple(str(s["state"]) for s in books.signals),
            seconds=time.monotonic() - begun,
            told="\n——\n".join([str(books), *(w.told() for w in workers)]) if found else "",
        )

    async def _play(self, workers: list[Child]) -> Books:
        lane, name = self._scene.lane, self._run.name.replace(":", "-")
        dying = await lane.hire(f"{name}-dying", self._order_type, self._orders())
        workers.append(dying)
        await self._bring_to_point(dying)
        code = await dying.wait()
        assert code == CRASHED, f"expected a death at {self._run.point}, exit status {code}"
        if self._run.is_late:
            await self._scene.trade().cancel()
        heir = Orders("", self._run.kind, self._scene.token, plant=self._run.plant)
        workers.append(await lane.hire(f"{name}-next", self._order_type, heir))
        return await self._scene.until_settled(PLANTED_S if self._run.plant else SETTLED_S)

    @property
    def _order_type(self) -> str:
        return "FAK" if self._run.rests is Rests.NO else "GTC"

    def _orders(self) -> Orders:
        run = self._run
        return Orders(
            point=f"{run.point}:{run.hit}",
            kind=run.kind,
            token_id=self._scene.token,
            buy_price=PRICES[run.rests],
            sell_price=_DEAR if run.is_dear else "",
            events_max=run.events_max or 0,
        )

    async def _bring_to_point(self, dying: Child) -> None:
        scene = self._scene
        await scene.tell(Side.BUY)
        if self._run.kind is Kind.EXIT:
            await scene.until(scene.is_held, dying, "a settled position")
            await scene.tell(Side.SELL)
        elif self._run.kind is Kind.CANCEL and not self._run.is_late:
            await scene.until(scene.is_resting, dying, "a resting order")
            await scene.trade().cancel()
        await self._until_dead(dying)

    async def _until_dead(self, dying: Child) -> None:
        async def is_dead() -> bool:
            return dying.is_over

        await self._scene.until(is_dead, dying, f"a death at {self._run.point}")

    def _check_in_time(self, books: Books) -> None:
        """Ask for another play when an order that had to be sent was too late for it."""
        may_expire = any("EXPIRED" in expected for expected in self._expected())
        is_expired = any(s["state"] == SignalState.EXPIRED for s in books.signals)
        if is_expired and not may_expire and not any(order["posts"] for order in books.orders):
            raise TooSlowError(self._run.name)

    def _unexpected(self, books: Books) -> list[str]:
        """Compare the ends with what this run must end as."""
        states = {str(s["signal_id"]): str(s["state"]) for s in books.signals}
        found = [
            f"signal {signal_id} ended {states.get(signal_id)}, expected one of {sorted(expected)}"
            for signal_id, expected in zip(self._scene.signals, self._expected(), strict=True)
            if states.get(signal_id) not in expected
        ]
        sold = self._run.kind is Kind.EXIT
        if sold and any(p["status"] not in OVER for p in books.positions):
            found.append("the position was not left")
        return found

    def _expected(self) -> Sequence[set[str]]:
        """Return in which states the signals may end, in their order."""
        run = self._run
        if run.kind is Kind.EXIT:
            return [{"FILLED"}, {"FILLED"}]
        if run.kind is Kind.CANCEL:
            return [{"PARTIAL"} if run.rests is Rests.PARTLY else {"CANCELLED"}]
        if run.point in _EARLY:  # the time to send it may be over when the next worker comes
            return [{"FILLED", "EXPIRED", "UNFILLED"}]
        return [{"FILLED"}]
