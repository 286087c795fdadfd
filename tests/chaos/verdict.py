"""The report of a run: for a person, and as one line of JSON."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.audit import Violation, history_p95
from tests.chaos.books import Books
from tests.chaos.figures import Figures, percentile, shortfalls
from tests.chaos.load_plan import LoadPlan
from tests.chaos.options import ChaosOptions

SHOWN_MAX = 12  # violations of one invariant


@dataclass(frozen=True, slots=True)
class Conduct:
    """What was done to the system, and what became of its processes."""

    kills: Mapping[str, int] = field(default_factory=dict)
    kills_missed: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    faults_refused: str = ""
    ended_alone: Mapping[str, int] = field(default_factory=dict)  # by name and exit code
    seconds: float = 0.0
    machine_load: float = 0.0  # its one-minute average when the load ended


@dataclass(frozen=True, slots=True)
class Verdict:
    """One run, audited."""

    options: ChaosOptions
    plan: LoadPlan
    books: Books
    figures: Figures
    violations: tuple[Violation, ...]
    conduct: Conduct
    home: Path

    @property
    def shortfalls(self) -> list[str]:
        """Return the targets that were missed; a lost day is meant to copy little."""
        return [] if self.options.loses_day else shortfalls(self.figures, self.books)

    @property
    def is_passed(self) -> bool:
        """Tell whether nothing was violated and every target was met."""
        return not self.violations and not self.shortfalls

    def as_json(self) -> dict[str, object]:
        """Return the report as one object."""
        figures, conduct = self.figures, self.conduct
        return {
            "name": "chaos",
            "passed": self.is_passed,
            "trades": self.options.trades,
            "kills_planned": self.options.kills,
            "seed": self.options.seed,
            "order_type": self.options.order_type,
            "faults_profile": conduct.faults_refused or self.options.faults,
            "plant": self.options.plant,
            "violations": self._counted(),
            "shortfalls": self.shortfalls,
            "signals": figures.signals,
            "signals_by_state": dict(figures.by_state),
            "signals_refused": dict(figures.by_reason),
            "reached_share": round(figures.reached_share, 3),
            "filled_share": round(figures.filled_share, 3),
            "exits": figures.exits,
            "orders_venue": len(self.books.venue_orders),
            "orders_db": len(self.books.orders),
            "fills_failed": sum(fill.status == "FAILED" for fill in self.books.venue_fills),
            "kills": dict(conduct.kills),
            "kills_missed": conduct.kills_missed,
            "ended_alone": dict(conduct.ended_alone),
            "faults": dict(conduct.faults),
            "quiescent_s": self.books.quiescent_s,
            "unknown_outcomes": _marks(figures.unknown_s, 2),
            "signal_to_post_ms": _marks(figures.to_post_ms, 0),
            "limit_samples": self.books.samples.count,
            "limit_peaks": {k: str(v) for k, v in self.books.samples.peak.items()},
            "limit_caps": {k: str(v) for k, v in self.books.caps.items()},
            "ledger_delta_usd": str(self.books.ledger_cash - self.books.venue_cash),
            "history_p95": history_p95(self.books),
            "halts": [f"{halt.scope} {halt.key}: {halt.reason}" for halt in self.books.halts],
            "seconds": round(conduct.seconds, 1),
            "machine_load": round(conduct.machine_load, 1),
            "machine_cores": os.cpu_count(),
            "home": str(self.home),
            "details": [[v.invariant, v.text, *v.ids] for v in self.violations],
        }

    def lines(self) -> Iterator[str]:
        """Yield the report for a person."""
        figures, conduct, books = self.figures, self.conduct, self.books
        told = {
            "signals": f"{figures.signals} of {self.options.trades}: {_counts(figures.by_state)}",
            "refused": _counts(figures.by_reason),
            "reached the venue": f"{figures.reached_share:.0%} of the signals",
            "filled": f"{figures.filled_share:.0%} of the signals",
            "exits": f"{figures.exits} sold something",
            "orders": f"{len(books.venue_orders)} at the venue, {len(books.orders)} recorded",
            "kills": _counts(conduct.kills),
            "ended by themselves": _counts(conduct.ended_alone),
            "venue faults": conduct.faults_refused or _counts(conduct.faults),
            "unknown outcomes": _text(figures.unknown_s, "s"),
            "signal to POST": _text(figures.to_post_ms, "ms"),
            "limits": f"{books.samples.count} samples, peaks {_peaks(books)}",
            "ledger differs by": f"${books.ledger_cash - books.venue_cash}",
            "at rest after": _rest(books.quiescent_s),
            "took": f"{conduct.seconds:.0f} s, on a machine with a load of "
            f"{conduct.machine_load:.1f} for {os.cpu_count()} cores",
        }
        yield from (f"  {name:20} {text}" for name, text in told.items())
        yield from self._violation_lines()
        yield from (f"  SHORT OF THE TARGET: {text}" for text in self.shortfalls)
        yield "nothing was violated" if self.is_passed else f"FAILED; evidence in {self.home}"

    def _violation_lines(self) -> Iterator[str]:
        by_invariant: defaultdict[str, list[Violation]] = defaultdict(list)
        for violation in self.violations:
            by_invariant[violation.invariant].append(violation)
        for invariant, found in by_invariant.items():
            yield f"  {invariant} IS VIOLATED {len(found)} times"
            for violation in found[:SHOWN_MAX]:
                yield f"      {violation.text}  [{', '.join(violation.ids)}]"

    def _counted(self) -> dict[str, int]:
        counted: defaultdict[str, int] = defaultdict(int)
        for violation in self.violations:
            counted[violation.invariant] += 1
        return dict(counted)


def _marks(ordered: tuple[float, ...], digits: int) -> dict[str, float | int | None]:
    ranks = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    found = {name: percentile(ordered, rank) for name, rank in ranks.items()}
    marks = {name: None if n is None else round(n, digits) for name, n in found.items()}
    return {"n": len(ordered), **marks}


def _text(ordered: tuple[float, ...], unit: str) -> str:
    if not ordered:
        return "none"
    marks = (f"{k} {v} {unit}" for k, v in _marks(ordered, 1).items() if k != "n")
    return f"{len(ordered)}: {', '.join(marks)}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "none"


def _peaks(books: Books) -> str:
    peaks = sorted(books.samples.peak.items())
    return ", ".join(f"{scope} {used} of {books.caps.get(scope, '-')}" for scope, used in peaks)


def _rest(quiescent_s: float | None) -> str:
    return "never" if quiescent_s is None else f"{quiescent_s:.1f} s"
