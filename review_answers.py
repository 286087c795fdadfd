"""How the review queue and what was done with it are written, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from activities.records import Command
from answers import ID_SHOWN, Answer, iso, label, plain, table
from storage.breakers import Halt
from storage.clearing import Clearance
from storage.replays import Resolved
from storage.review_evidence import Proof
from storage.reviews import StoredReview
from trading.types import SignalId

WORDS_SHOWN = 60
NOW_SHOWN = ("state", "posts", "size_matched", "filled_size", "is_done", "error")
INDENT = "  "


def answer_reviews(found: Sequence[StoredReview], *, open_only: bool) -> Answer:
    """Write the queue."""
    header = ("ID", "OPENED", "SEVERITY", "KIND", "ABOUT", "OUTCOME", "REASON", "RESOLVED")
    columns = len(header) - 1 if open_only else len(header)
    lines = [_line(stored)[:columns] for stored in found]
    nothing = "nothing to review" if open_only else "nothing was ever to review"
    text = table(header[:columns], lines, nothing)
    return Answer([_review(stored) for stored in found], text)


def _line(stored: StoredReview) -> Sequence[str]:
    review = stored.review
    by = f"{stored.resolution} by {stored.resolved_by}" if stored.resolved_at is not None else "-"
    return (
        str(stored.review_id),
        f"{review.opened_at:%m-%d %H:%M:%S}",
        review.kind.severity,
        review.kind.value,
        review.subject[:ID_SHOWN],
        "-" if stored.token is None else label(stored.token),
        _short(review.reason),
        _short(by),
    )


def _short(words: str) -> str:
    words = plain(words)
    return words if len(words) <= WORDS_SHOWN else words[: WORDS_SHOWN - 1] + "…"


def _review(stored: StoredReview) -> Mapping[str, object]:
    review = stored.review
    return {
        "review_id": stored.review_id,
        "kind": review.kind.value,
        "severity": review.kind.severity,
        "reason": review.reason,
        "order_hash": review.order_hash,
        "signal_id": review.signal_id,
        "position_id": review.position_id,
        "token_id": review.token_id,
        "question": None if stored.token is None else stored.token.question,
        "outcome": None if stored.token is None else stored.token.outcome,
        "opened_at": iso(review.opened_at),
        "resolved_at": iso(stored.resolved_at),
        "resolved_by": stored.resolved_by,
        "resolution": stored.resolution,
        "note": stored.note,
    }


def answer_review(stored: StoredReview, now: Proof) -> Answer:
    """Write one review: the evidence as it was when it was opened, and how its orders are now."""
    lines = _head(stored)
    lines += ["", "evidence of then", *_outline(stored.evidence, INDENT)]
    lines += ["", "orders now", *_orders_now(now)]
    if stored.resolved_at is None:
        done = f"whalecopy review resolve {stored.review_id} --note '...'"
        lines += ["", f"when it is dealt with: {done}"]
    found = {**_review(stored), "evidence": stored.evidence, "now": now}
    return Answer(found, "\n".join(lines))


def _head(stored: StoredReview) -> list[str]:
    review = stored.review
    about = {
        "order": review.order_hash,
        "signal": review.signal_id,
        "position": review.position_id,
        "outcome": None if stored.token is None else label(stored.token),
    }
    lines = [
        f"review    {stored.review_id}: {review.kind}, {review.kind.severity}",
        f"opened    {review.opened_at:%Y-%m-%d %H:%M:%S} UTC",
        *(f"{name:10}{plain(found)}" for name, found in about.items() if found),
        f"reason    {plain(review.reason)}",
    ]
    return [*lines, *_end(stored)]


def _end(stored: StoredReview) -> list[str]:
    if stored.resolved_at is None:
        return []
    at = f"{stored.resolved_at:%Y-%m-%d %H:%M:%S} UTC"
    return [
        f"resolved  {plain(stored.resolution or '')} by {plain(stored.resolved_by or '')} at {at}",
        f"note      {plain(stored.note or '')}",
    ]


def _outline(found: object, indent: str) -> list[str]:
    """Write JSON as indented lines; a record without parts takes one."""
    if isinstance(found, Mapping):
        lines = []
        for name, part in found.items():
            inner = _outline(part, indent + INDENT) if _has_parts(part) else []
            lines.append(f"{indent}{name:20}{'' if inner else _scalar(part)}".rstrip())
            lines += inner
        return lines
    if isinstance(found, list):
        lines = []
        for part in found:
            lines += _item(part, indent)
        return lines
    return [indent + _scalar(found)]


def _item(part: object, indent: str) -> list[str]:
    if isinstance(part, Mapping) and not any(_has_parts(inner) for inner in part.values()):
        return [indent + "  ".join(_scalar(inner) for inner in part.values())]
    return _outline(part, indent)


def _has_parts(found: object) -> bool:
    return isinstance(found, Mapping | list) and bool(found)


def _scalar(found: object) -> str:
    if found is None or found in ([], {}):
        return "-"
    return plain(str(found))


def _orders_now(now: Proof) -> list[str]:
    orders = now.get("orders")
    lines = []
    for order in orders if isinstance(orders, list) else []:
        told = ", ".join(f"{name} {_scalar(order.get(name))}" for name in NOW_SHOWN)
        lines.append(f"{INDENT}{_scalar(order.get('order_hash'))}: {told}")
    return lines or [f"{INDENT}none"]


def answer_resolved(resolved: Resolved, *, asked_to_clear: bool) -> Answer:
    """Write what was done with a review."""
    lines = [f"review {resolved.review_id} is resolved"]
    if asked_to_clear:
        cleared = "the halt of its token is cleared" if resolved.halt_cleared else "no halt stood"
        lines.append(cleared)
    if resolved.replay is not None:
        follow = f"whalecopy why {resolved.replay[:ID_SHOWN]}"
        lines.append(f"decided anew as signal {resolved.replay}: see `{follow}`")
    found = {
        "review_id": resolved.review_id,
        "halt_cleared": resolved.halt_cleared,
        "replay_signal_id": resolved.replay,
    }
    return Answer(found, "\n".join(lines))


def answer_command(signal_id: SignalId, name: str, command: Command) -> Answer:
    """Write that a running trade has taken a command."""
    follow = f"whalecopy why {signal_id[:ID_SHOWN]}"
    found = {"signal_id": signal_id, "command": name, **asdict(command), "accepted": True}
    return Answer(found, f"{name} of signal {signal_id} is accepted: see `{follow}`")


def answer_halts(found: Sequence[Halt]) -> Answer:
    """Write what halts entries."""
    lines = [
        (
            f"{halt.halted_at:%m-%d %H:%M:%S}",
            halt.scope.value,
            halt.key[:ID_SHOWN],
            _short(halt.reason),
        )
        for halt in found
    ]
    text = table(("SINCE", "SCOPE", "KEY", "REASON"), lines, "nothing halts entries")
    return Answer([_halt(halt) for halt in found], text)


def answer_cleared(halt: Halt, clearance: Clearance) -> Answer:
    """Tell that entries may go on."""
    text = f"entries of {halt.scope.lower()} {halt.key} may go on; it was halted: {halt.reason}"
    return Answer({**_halt(halt), "cleared_by": clearance.who, "why": clearance.why}, plain(text))


def _halt(halt: Halt) -> Mapping[str, object]:
    return {
        "scope": halt.scope.value,
        "key": halt.key,
        "reason": halt.reason,
        "halted_at": iso(halt.halted_at),
    }
