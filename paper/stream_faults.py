"""One client's way out of a stream: frames get lost, late, doubled or shuffled as the plan says."""

import asyncio
import itertools
from collections.abc import Mapping

from paper.derive import digest
from paper.faults import Fault, Faults, Point
from paper.sockets import OUTBOX_FRAMES, Outlet

LINE_FAULTS = ("freeze", "cut", "drop", "duplicate", "lag", "shuffle")
SHUFFLE_MS = 200
FOREVER = float("inf")

Facts = Mapping[str, object]


class Lines:
    """The lines of one stream, numbered as they are opened: the dice know them by number."""

    def __init__(self, faults: Faults, at: Point) -> None:
        self.faults = faults
        self.at = at
        self._numbers = itertools.count(1)

    def open(self, outlet: Outlet) -> "Line":
        """Return the line of a socket that was just opened."""
        return Line(self, outlet, next(self._numbers))


class Line:
    """Carries the events of one socket; what answers a client's own frame does not pass here.

    Faults are drawn per frame and socket:

    * `freeze`: this frame and those of the next `delay_s` are lost, or all until another plan is
      in force if no delay is given; the socket stays open and answers pings.
    * `cut`: the connection is aborted without a close frame.
    * `drop`, `duplicate`: this frame is lost, or sent twice.
    * `lag`: this frame and those behind it wait for `delay_s`.
    * `shuffle`: the frames of `delay_s`, 200 ms if none is given, arrive in another order.
    """

    def __init__(self, lines: Lines, outlet: Outlet, number: int) -> None:
        self._lines = lines
        self._outlet = outlet
        self._number = number
        self._frames = itertools.count(1)
        self._frozen_until = 0.0
        self._frozen_by = 0  # which generation of the plan
        self._held: list[str] | None = None

    def send(self, frame: str, facts: Facts) -> None:
        """Send a frame, or do to it what is drawn."""
        self.carry(frame, self.draw(facts))

    def draw(self, facts: Facts, *others: str) -> Fault | None:
        """Draw what befalls the next frame: a fault of this class or one of the `others`.

        `facts` are those of the frame that are texts; a frame that a freeze swallows draws nothing.
        """
        faults, at = self._lines.faults, self._lines.at
        if not faults.concern(at) or self._outlet.is_closed or self._is_frozen():
            return None
        key = f"{self._number}/{next(self._frames)}"
        return faults.draw(at, key, texts(facts), (*LINE_FAULTS, *others))

    def is_struck(self, fault: str, facts: Facts) -> bool:
        """Draw a fault that is not of a frame but of something that leads to one."""
        key = f"{self._number}/{fault}/{next(self._frames)}"
        drawn = self._lines.faults.draw(self._lines.at, key, texts(facts), (fault,))
        return drawn is not None

    def carry(self, frame: str, fault: Fault | None) -> None:
        """Send a frame whose fate is known."""
        if self._is_frozen():
            return
        match "" if fault is None else fault.fault:
            case "freeze":
                assert fault is not None
                self._freeze(fault.delay_ms)
            case "cut":
                self._outlet.cut()
            case "drop":
                return
            case "duplicate":
                self._pass(frame)
                self._pass(frame)
            case "lag" | "shuffle":
                assert fault is not None
                self._hold(fault)
                self._pass(frame)
            case _:
                self._pass(frame)

    def _is_frozen(self) -> bool:
        is_of_this_plan = self._frozen_by == self._lines.faults.generation
        return is_of_this_plan and asyncio.get_running_loop().time() < self._frozen_until

    def _freeze(self, delay_ms: int) -> None:
        now = asyncio.get_running_loop().time()
        self._frozen_by = self._lines.faults.generation
        self._frozen_until = now + delay_ms / 1000 if delay_ms else FOREVER

    def _pass(self, frame: str) -> None:
        if self._held is None:
            self._outlet.send(frame)
        elif len(self._held) < OUTBOX_FRAMES:
            self._held.append(frame)
        else:
            self._outlet.close("slow consumer")

    def _hold(self, fault: Fault) -> None:
        if self._held is not None:
            return
        self._held = []
        is_shuffled = fault.fault == "shuffle"
        wait_ms = fault.delay_ms or (SHUFFLE_MS if is_shuffled else 0)
        release = self._release_shuffled if is_shuffled else self._release
        asyncio.get_running_loop().call_later(wait_ms / 1000, release)

    def _release_shuffled(self) -> None:
        held = self._held or []
        self._held = shuffled(held, (self._lines.faults.plan.seed, self._number))
        self._release()

    def _release(self) -> None:
        held, self._held = self._held or [], None
        for frame in held:
            self._outlet.send(frame)


def texts(facts: Facts) -> dict[str, str]:
    """Return those facts of a frame that a rule can match: its texts, and `token_id` by name."""
    found = {name: fact for name, fact in facts.items() if isinstance(fact, str)}
    token_id = found.get("asset_id") or found.get("asset")
    return found if token_id is None else {"token_id": token_id, **found}


def shuffled(frames: list[str], key: object) -> list[str]:
    """Return frames in an order that follows from the key and is another one where it can be."""
    order = sorted(range(len(frames)), key=lambda place: digest("shuffle", key, place))
    if order == sorted(order):
        order.reverse()
    return [frames[place] for place in order]
