"""What a workflow is told and what it asks for: the entries of a history."""

from dataclasses import dataclass

from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError


@dataclass(frozen=True, slots=True)
class Resolved:
    """An activity, timer, child's start or outside signal that a workflow waits for has an end."""

    seq: int
    result: object = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Signalled:
    """Somebody sent a signal."""

    name: str
    args: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """Somebody sent an update."""

    update_id: str
    name: str
    args: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody asked for the workflow to be cancelled."""


Event = Resolved | Signalled | Updated | CancelRequested


@dataclass(frozen=True, slots=True)
class Step:
    """What an activity runs as."""

    name: str
    args: tuple[object, ...]
    is_local: bool
    start_to_close_s: float
    schedule_to_close_s: float
    heartbeat_s: float | None
    retry: RetryPolicy


@dataclass(frozen=True, slots=True)
class Command:
    """What a workflow asks of the server; `seq` is the same on every replay."""

    kind: str
    seq: int
    name: str = ""
    step: Step | None = None
    args: tuple[object, ...] = ()
    delay: int = 0  # microseconds
    result: object = None

    @property
    def mark(self) -> str:
        """Return what must be the same when it is replayed."""
        return f"{self.kind} {self.seq} {self.name}"


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of one activation, and the marks of the commands that came of it."""

    now: int  # microseconds since the epoch
    events: tuple[Event, ...]
    length: int
    marks: tuple[str, ...] = ()


def failed_step(name: str, seq: int) -> ActivityError:
    """Return the error of a failed activity, its cause still to be set."""
    return ActivityError(
        "Activity task failed",
        scheduled_event_id=seq,
        started_event_id=seq,
        identity="",
        activity_type=name,
        activity_id=str(seq),
        retry_state=None,
    )
