"""The modes into which a fault can put the whole venue: restarting, post-only and the like."""

from dataclasses import dataclass, field

from paper.faults import Fault, Faults
from paper.wire import Json

RESTARTING = "the matching engine is restarting"
POST_ONLY = "post-only mode: only post-only orders and cancels are allowed"
CANCEL_ONLY = "Trading is currently cancel-only. New orders are not accepted, cancels are."
DISABLED = "Trading is currently disabled. Neither orders nor cancels are accepted."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in place of the one that was asked for."""

    status: int
    body: dict[str, Json]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asking:
    """What a mode asks of a request: whether it cancels, or posts nothing but post-only orders."""

    is_cancel: bool
    is_post_only: bool = False


@dataclass(frozen=True, slots=True)
class _Phase:
    fault: Fault
    mode: str
    ends_at: int


class Modes:
    """The mode that the venue is in; it ends with its time or with the plan that began it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._generation = faults.generation
        self._phases: list[_Phase] = []

    def begin(self, fault: Fault, now: int) -> Refusal:
        """Enter the mode that a fault stands for; return what the one who met it is told.

        A restart goes over into the post-only mode for `retry_after_s`.
        """
        self._generation = self._faults.generation
        ends_at = now + fault.delay_ms
        self._phases = [_Phase(fault, fault.fault, ends_at)]
        if fault.fault == "restart" and fault.retry_after_s:
            calm_at = ends_at + fault.retry_after_s * 1000
            self._phases.append(_Phase(fault, "post_only", calm_at))
        return _refusal(self._phases[0], now)

    def is_on(self, now: int) -> bool:
        """Tell whether the venue is in any mode."""
        return self._phase(now) is not None

    def refusal(self, asking: Asking, now: int) -> Refusal | None:
        """Return what a request is refused with, None if the mode lets it pass."""
        phase = self._phase(now)
        if phase is None:
            return None
        is_allowed = {
            "post_only": asking.is_cancel or asking.is_post_only,
            "cancel_only": asking.is_cancel,
        }.get(phase.mode, False)
        return None if is_allowed else _refusal(phase, now)

    def _phase(self, now: int) -> _Phase | None:
        if self._generation != self._faults.generation:
            return None
        return next((phase for phase in self._phases if now < phase.ends_at), None)


def _refusal(phase: _Phase, now: int) -> Refusal:
    fault = phase.fault
    match phase.mode:
        case "restart":
            return Refusal(fault.status or 425, {"error": fault.text or RESTARTING})
        case "post_only":
            return _post_only(-(-max(0, phase.ends_at - now) // 1000) or fault.retry_after_s or 1)
        case "cancel_only":
            return Refusal(fault.status or 503, {"error": fault.text or CANCEL_ONLY})
        case _:
            return Refusal(fault.status or 503, {"error": fault.text or DISABLED})


def _post_only(seconds: int) -> Refusal:
    body: dict[str, Json] = {
        "error": POST_ONLY,
        "code": "post_only_mode",
        "retry_after_seconds": seconds,
    }
    return Refusal(503, body, {"Retry-After": str(seconds)})
