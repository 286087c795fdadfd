"""Exits that were asked of a position and have not begun, and which of them may begin."""

from collections.abc import Iterable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.records import ShareCommand
    from trading.types import ExitReason, ExitRequest


class Requests:
    """What waits to begin, oldest first; the same level or whale order waits once.

    While a position is held only a person's word counts: whale orders wait until it is released,
    and levels are forgotten, since they are looked at again then.
    """

    def __init__(self, waiting: Iterable[ExitRequest] = ()) -> None:
        self._waiting = list(waiting)

    @property
    def waiting(self) -> tuple[ExitRequest, ...]:
        """Return what waits, for the next run of the workflow."""
        return tuple(self._waiting)

    @property
    def has_a_persons(self) -> bool:
        """Tell whether a person waits."""
        return any(map(is_a_persons, self._waiting))

    def add(self, request: ExitRequest, *, is_held: bool = False) -> None:
        """Keep a request, unless the same waits already or a hold forbids it."""
        is_level = not is_a_persons(request) and request.signal_id is None
        if is_held and is_level:
            return
        if not any(_is_same(request, known) for known in self._waiting):
            self._waiting.append(request)

    def may_begin(self, *, is_held: bool = False) -> bool:
        """Tell whether anything that waits may begin."""
        return self.has_a_persons if is_held else bool(self._waiting)

    def wants_all(self, *, is_held: bool = False) -> bool:
        """Tell whether somebody who may begin wants everything sold."""
        return any(r.share == 1 for r in self._waiting if not is_held or is_a_persons(r))

    def take(self, *, is_held: bool = False) -> tuple[ExitRequest, ...]:
        """Return what may begin; the rest goes on waiting."""
        taken = tuple(r for r in self._waiting if not is_held or is_a_persons(r))
        self._waiting = [r for r in self._waiting if r not in taken]
        return taken

    def put_back(self, requests: Iterable[ExitRequest]) -> None:
        """Let what could not begin wait again, before all others."""
        self._waiting = [*requests, *self._waiting]


def is_a_persons(request: ExitRequest) -> bool:
    """Tell whether a person asked."""
    return request.reason is ExitReason.OPERATOR


def _is_same(request: ExitRequest, known: ExitRequest) -> bool:
    if request.signal_id is not None:
        return request.signal_id == known.signal_id
    return not is_a_persons(request) and request.reason is known.reason


def sale_of(command: ShareCommand) -> ExitRequest:
    """Return what a person's command to sell asks for."""
    who, why = command.who, command.why
    return ExitRequest(ExitReason.OPERATOR, command.share, None, who, why, command.lowest)


def words_of(command: ShareCommand) -> str:
    """Say what a person wants sold, as it is kept."""
    down_to = "" if command.lowest is None else f", down to {command.lowest:f}"
    return f"close {command.share:f} of it{down_to}"
