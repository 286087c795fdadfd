"""The points at which a worker dies, and the runs in which it does."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Whose order is on its way when the worker dies."""

    ENTRY = "entry"
    EXIT = "exit"
    CANCEL = "cancel"


MEANING = {
    "CP-1": "signal committed and claimed, before its workflow starts",
    "CP-2": "inside the reserving transaction, before its commit",
    "CP-3": "after the reserving commit, before the step completes",
    "CP-4": "after the signature, before a request is made of it",
    "CP-5": "after the commit that allows the sending, before the signature",
    "CP-6": "request built and connected, before its first byte",
    "CP-7": "request worked by the venue, before its reply is read",
    "CP-8": "reply read, before the database knows",
    "CP-9": "reply in the database, before the step completes",
    "CP-10": "fills in the database, before anything is booked of them",
    "CP-11": "fills booked, before the order is final",
    "CP-12": "all final, before the step completes",
    "CP-13": "an exit decided, or a cancellation, before any of it leaves",
    "CP-14": "after the position's workflow has continued as new",
}


class Rests(StrEnum):
    """What keeps an entry from being filled at once, where a run needs that."""

    NO = "no"  # it crosses a deep book
    PARTLY = "partly"  # the best level holds less than it wants
    WHOLLY = "wholly"  # its limit is below the best ask


@dataclass(frozen=True, slots=True)
class Run:
    """One death: at the `hit`-th time that the worker comes by a point with an order of a kind.

    `is_late` cancels only while no worker is there. `events_max` makes the position's workflow
    continue as new early, and `is_dear` prices the first sale out of the market. `plant` is a bug
    in the worker that takes over.
    """

    point: str
    kind: Kind
    hit: int = 1
    rests: Rests = Rests.NO
    is_late: bool = False
    events_max: int | None = None
    is_dear: bool = False
    plant: str = ""

    @property
    def name(self) -> str:
        """Return what tells this run from all others."""
        more = "" if self.rests is Rests.NO else f"-{self.rests}"
        more += "-unsold" if self.is_dear else ""
        more += f"-{self.plant}" if self.plant else ""
        return f"{self.point}:{self.hit}-{self.kind}{more}"

    @property
    def is_short(self) -> bool:
        """Tell whether it is among those that every test run plays."""
        return self.name in SHORT


SHORT = {
    "CP-2:1-entry",
    "CP-7:1-entry",
    "CP-12:1-entry",
    "CP-3:1-exit",
    "CP-12:1-exit",
    "CP-11:1-cancel-partly",
}

SKIPPED = {
    ("CP-1", Kind.CANCEL): "there is no workflow yet that could be cancelled",
    ("CP-14", Kind.ENTRY): "only the workflow of a position continues as new",
    ("CP-14", Kind.CANCEL): "only the workflow of a position continues as new",
}

_SENDING = ("CP-2", "CP-3", "CP-4", "CP-5")
_EVERY = [point for point in MEANING if point not in ("CP-13", "CP-14")]

RUNS: tuple[Run, ...] = (
    *(Run(point, Kind.ENTRY) for point in _EVERY),
    Run("CP-12", Kind.ENTRY, hit=2),
    Run("CP-13", Kind.ENTRY, rests=Rests.WHOLLY),
    *(Run(point, Kind.EXIT) for point in _EVERY),
    Run("CP-12", Kind.EXIT, hit=2),
    Run("CP-13", Kind.EXIT),
    Run("CP-13", Kind.EXIT, hit=2),
    Run("CP-14", Kind.EXIT, events_max=20),
    Run("CP-14", Kind.EXIT, events_max=20, is_dear=True),
    *(Run(point, Kind.CANCEL, rests=Rests.WHOLLY, is_late=True) for point in _SENDING),
    *(
        Run(point, Kind.CANCEL, rests=Rests.WHOLLY)
        for point in ("CP-6", "CP-7", "CP-8", "CP-9", "CP-12", "CP-13")
    ),
    *(
        Run(point, Kind.CANCEL, rests=Rests.PARTLY)
        for point in ("CP-6", "CP-7", "CP-8", "CP-9", "CP-10", "CP-11", "CP-12", "CP-13")
    ),
    Run("CP-12", Kind.CANCEL, hit=2, rests=Rests.PARTLY),
)

PLANTED = Run("CP-5", Kind.ENTRY, plant="new-salt")
"""What must not go well: the second worker signs another order than the one that was committed."""
