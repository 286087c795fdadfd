"""Until when an entry may leave."""

from datetime import datetime

from trading.rules import OrderRules


def entry_deadline(traded_at: datetime, committed_at: datetime, rules: OrderRules) -> datetime:
    """Return when an entry's first POST must have left: commit + 5 s, or the fill + 10 s before."""
    return min(committed_at + rules.entry_expires_after, traded_at + rules.traded_expires_after)
