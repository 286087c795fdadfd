"""Hold our books against the venue's: what pending work explains, and which difference is real."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.rules import ReconcileRules
from trading.types import ONE, ZERO, Price, Usd


class BookKind(StrEnum):
    """What is compared, and so the unit of its size: dollars, or shares."""

    CASH = "CASH"
    TOKEN = "TOKEN"  # noqa: S105 - an asset, not a secret
    ORDER = "ORDER"
    """Shares that an order still offers or wants on the venue's book."""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """One figure that both sides keep; `key` is the wallet, the token id or the order's hash."""

    kind: BookKind
    key: str


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range of figures."""

    low: Decimal = ZERO
    high: Decimal = ZERO

    def plus(self, other: "Span") -> "Span":
        """Return the range of all sums."""
        return Span(self.low + other.low, self.high + other.high)

    def meets(self, other: "Span", tolerance: Decimal) -> bool:
        """Tell whether some figure is in both, give or take a tolerance."""
        return self.low <= other.high + tolerance and other.low <= self.high + tolerance

    def within(self, other: "Span") -> "Span":
        """Return the part that is in both, or the other when nothing is."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Span(low, high) if low <= high else other

    @property
    def least(self) -> Decimal:
        """Return the figure that is nearest to zero, signed."""
        if self.low <= ZERO <= self.high:
            return ZERO
        return self.low if self.low > ZERO else self.high


def slack_of(moves: Iterable[Decimal]) -> Span:
    """Return by how much any of these moves together may change a figure; each may have, or not.

    A move is pending work that the venue may already show, or settled work that it may not show
    yet.
    """
    low = high = ZERO
    for move in moves:
        low += min(move, ZERO)
        high += max(move, ZERO)
    return Span(low, high)


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure read on both sides. `slack` is by how much the venue may differ in good order.

    `price` values a share; dollars are worth a dollar.
    """

    subject: Subject
    ours: Decimal
    theirs: Decimal
    slack: Span = Span()
    price: Price | None = None

    @property
    def difference(self) -> Decimal:
        """Return theirs minus ours."""
        return self.theirs - self.ours

    @property
    def gap(self) -> Span:
        """Return the differences that nothing pending explains, one of which is the true one."""
        return Span(self.difference - self.slack.high, self.difference - self.slack.low)

    def is_equal(self, rules: ReconcileRules) -> bool:
        """Tell whether both sides say the same."""
        return abs(self.difference) <= tolerance_of(self.subject, rules)

    def is_explained(self, rules: ReconcileRules) -> bool:
        """Tell whether both sides agree, or would once all that is pending is through."""
        return self.gap.meets(Span(), tolerance_of(self.subject, rules))

    @property
    def unexplained(self) -> Decimal:
        """Return the least difference that nothing pending explains, signed."""
        return self.gap.least

    @property
    def size_usd(self) -> Usd:
        """Return what the unexplained difference is worth; a share without a price is a dollar."""
        price = ONE if self.subject.kind is BookKind.CASH or self.price is None else self.price
        return Usd(abs(self.unexplained) * price)

    def is_far_apart(self, rules: ReconcileRules) -> bool:
        """Tell whether it is more than 5 % of the position or the cash, and so pages."""
        return abs(self.unexplained) > abs(self.ours) * rules.page_share


def tolerance_of(subject: Subject, rules: ReconcileRules) -> Decimal:
    """Return how far apart both sides may be for good."""
    return rules.cash_tolerance if subject.kind is BookKind.CASH else rules.shares_tolerance


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A difference under watch: the sizes it may have by all reads so far, and how many agreed."""

    reading: Reading  # the newest that counted
    gap: Span
    first_at: datetime
    last_at: datetime
    reads: int = 1
    halted_at: datetime | None = None

    @property
    def subject(self) -> Subject:
        """Return what differs."""
        return self.reading.subject

    def is_agreed(self, rules: ReconcileRules) -> bool:
        """Tell whether enough reads agree that the difference is worth telling."""
        return self.reads >= rules.reads_min


class Verdict(StrEnum):
    """What one more reading says of a figure."""

    EQUAL = "EQUAL"
    """Both sides agree, or something pending explains it; nothing was suspected."""
    SUSPECTED = "SUSPECTED"
    """A difference seen for the first time, or one of another size than before."""
    AGREED = "AGREED"
    """The read that makes it count."""
    STANDS = "STANDS"
    """As before."""
    HALT = "HALT"
    """It has lasted: entries stop."""
    GONE = "GONE"
    """What was suspected went away by itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is suspected after a reading, and what is new in it."""

    verdict: Verdict
    suspicion: Suspicion | None


def observe(
    suspicion: Suspicion | None, reading: Reading, at: datetime, rules: ReconcileRules
) -> Finding:
    """Take one more reading of a figure.

    A difference counts when two reads after one another agree on its size, and halts once it has
    lasted for a minute. A read that something pending explains neither confirms nor clears it,
    as long as the suspected size remains possible.
    """
    if suspicion is not None and _is_contradicted(suspicion, reading, rules):
        if reading.is_explained(rules):
            return Finding(Verdict.GONE, None)
        suspicion = None
    if reading.is_explained(rules):
        return Finding(Verdict.STANDS if suspicion else Verdict.EQUAL, suspicion)
    if suspicion is None or _is_out_of_date(suspicion, at, rules):
        return Finding(Verdict.SUSPECTED, Suspicion(reading, reading.gap, at, at))
    if at - suspicion.last_at < rules.reads_apart:
        return Finding(Verdict.STANDS, suspicion)
    return _confirmed(suspicion, reading, at, rules)


def _is_contradicted(suspicion: Suspicion, reading: Reading, rules: ReconcileRules) -> bool:
    tolerance = tolerance_of(reading.subject, rules)
    return reading.is_equal(rules) or not suspicion.gap.meets(reading.gap, tolerance)


def _is_out_of_date(suspicion: Suspicion, at: datetime, rules: ReconcileRules) -> bool:
    """Tell whether nobody has looked for so long that it may have been gone meanwhile."""
    return suspicion.halted_at is None and at - suspicion.last_at > rules.lasts


def _confirmed(
    suspicion: Suspicion, reading: Reading, at: datetime, rules: ReconcileRules
) -> Finding:
    was_agreed = suspicion.is_agreed(rules)
    stronger = replace(
        suspicion,
        reading=reading,
        gap=suspicion.gap.within(reading.gap),
        last_at=at,
        reads=suspicion.reads + 1,
    )
    lasts = at - suspicion.first_at >= rules.lasts
    if lasts and stronger.is_agreed(rules) and suspicion.halted_at is None:
        return Finding(Verdict.HALT, replace(stronger, halted_at=at))
    is_new = stronger.is_agreed(rules) and not was_agreed
    return Finding(Verdict.AGREED if is_new else Verdict.STANDS, stronger)
