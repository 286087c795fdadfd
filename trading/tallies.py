"""How many shares the sources report of one whale's trade in one transaction: merged, not added."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading.types import ZERO, Side, SignalId, Source, TokenId, Wallet, WhaleFill

_TRUST = {Source.RTDS: 0, Source.DATA_API: 1, Source.CHAIN: 2}


@dataclass(frozen=True, slots=True, order=True)
class TallyKey:
    """What all sources know of a fill: transaction, wallet, token and side."""

    transaction_hash: str
    wallet: Wallet
    token_id: TokenId
    side: Side


def key_of(fill: WhaleFill) -> TallyKey:
    """Return the tally a fill belongs to."""
    return TallyKey(fill.transaction_hash, fill.wallet, fill.token_id, fill.side)


@dataclass(frozen=True, slots=True)
class Report:
    """The total that one source has told so far."""

    size: Decimal = ZERO
    notional: Decimal = ZERO
    fill_count: int = 0

    def plus(self, fill: WhaleFill, sign: int) -> "Report":
        """Return the total with a fill added (1) or taken back (-1)."""
        return Report(
            self.size + sign * fill.size,
            self.notional + sign * fill.notional,
            self.fill_count + sign,
        )


@dataclass(slots=True)
class Tally:
    """All reports on one key, and what of it has become signals.

    One source reports a row per fill, another one summed log per order; so the size is the
    largest total that any one source reports, never the sum. A source without log indexes must
    report each of its fills once: two equal rows are two fills.
    """

    touched_at: datetime
    traded_at: datetime
    reports: dict[Source, Report] = field(default_factory=dict)
    logs: dict[int, WhaleFill] = field(default_factory=dict)  # by log index, of one block
    signalled: Decimal = ZERO
    ordinal: int = 0  # signals so far
    signal_ids: list[SignalId] = field(default_factory=list)

    @property
    def best(self) -> Report:
        """Return the largest report; of equal ones that of the most trusted source."""
        if not self.reports:
            return Report()
        source = max(self.reports, key=lambda s: (self.reports[s].size, _TRUST[s]))
        return self.reports[source]

    @property
    def surplus(self) -> Decimal:
        """Return the shares reported that are in no signal yet."""
        return max(self.best.size - self.signalled, ZERO)

    def settle(self, signal_id: SignalId | None) -> None:
        """Count all that is reported as dealt with: by a signal, or dropped."""
        self.signalled = max(self.signalled, self.best.size)
        if signal_id is not None:
            self.ordinal += 1
            self.signal_ids.append(signal_id)

    def add(self, fill: WhaleFill) -> bool:
        """Count a fill; return whether there is more to signal than before."""
        before = self.surplus
        if fill.log_index is not None:
            self._forget_other_block(fill)
            if fill.log_index in self.logs:
                return False
            self.logs[fill.log_index] = fill
        self.reports[fill.source] = self.reports.get(fill.source, Report()).plus(fill, 1)
        self.traded_at = max(self.traded_at, fill.traded_at)
        return self.surplus > before

    def take_back(self, fill: WhaleFill) -> bool:
        """Take a log back after a reorganisation; return False when it is not counted (any more).

        The chain is the truth: what the other sources said of this transaction goes with it.
        """
        if fill.log_index is None or fill.log_index not in self.logs:
            return False
        known = self.logs[fill.log_index]
        if known.block_number != fill.block_number:
            return False
        del self.logs[fill.log_index]
        self.reports = {known.source: self.reports[known.source].plus(known, -1)}
        return True

    def _forget_other_block(self, fill: WhaleFill) -> None:
        """A transaction is in one block only: logs of another one were reorganised away."""
        if any(known.block_number != fill.block_number for known in self.logs.values()):
            self.logs.clear()
            self.reports.pop(fill.source, None)
