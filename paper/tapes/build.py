"""Builds the shipped tape: `python -m paper.tapes.build resolvedkit-0.1.0-py3-none-any.whl`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter
from pathlib import Path

from paper.model import MICROS, Dialect
from paper.tape import SHIPPED, Snapshot, TapeEvent, TapeHeader, TapeMarket
from paper.tape_format import VERSION
from paper.tape_writer import write_tape
from paper.tapes.cast import CAST, make_wallet
from paper.tapes.moments import find_moments
from paper.tapes.source import RecordedMarket, Recording, SourceError, load_recording
from paper.tapes.story import Ending, tell_story

SEED = 9
LEAD_MS = 30_000  # of the first market's quiet books before its window, 14 minutes as recorded
REST_MS = 60_000  # from a market's end to its resolution, or to its last book if that is later
PLAYED_FIRST = 2  # of the last markets: the liveliest, so that a demonstration begins with them
BETWEEN_MS = 60_000  # from their resolution to the quiet books of what was recorded before them
PROTOCOL_V2_MARKETS = (1, 9)
NEG_RISK_MARKETS = (4, 7, 12, 15)

_ATTRIBUTION = (
    "Order books and results: Resolved Markets (https://resolvedmarkets.com), the sample data of "
    "the Python package resolvedkit 0.1.0. Changed: both outcomes' books were joined into one per "
    "market and time, sizes rounded to 0.01 share, crossed books and the quiet start of the first "
    "market left out, whale orders added."
)
_LICENCE = "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
_INVENTED = (
    "that asks which disappeared between two books were bought: some were cancelled in truth",
    "which wallet bought or sold them; the wallets, their names, skill and past trades",
    "that skilful wallets bought mostly where the price then stayed within 2 %",
    "how many fills an order had, and whether the wallet was maker or taker",
    "token ids, tick sizes (the finest step a market's prices show), minimum sizes and fees",
    "which exchange settles a market: Protocol V2, negative risk or the standard one",
    "that the last two recorded markets came first: they are played before the others",
    "the instant of resolution: a minute after the end, or at the last book if that is later",
    "the resting wallets behind the recorded levels",
)


def build(recording: Recording, path: Path, seed: int) -> None:
    """Write the tape of a recording; the same recording and seed give the same bytes."""
    recorded = in_playing_order(recording.markets)
    markets = [tape_market(market, index) for index, market in enumerate(recorded)]
    starts_at = min(market.starts_at for market in markets)
    wallets = [make_wallet(character, starts_at, seed) for character in CAST]
    moments = [moment for market in recorded for moment in find_moments(market.snapshots)]
    orders = tell_story(
        sorted(moments, key=attrgetter("at")),
        {m.condition_id: Ending(m.ends_at, m.payouts.index(max(m.payouts))) for m in markets},
        CAST,
        {wallet.name: wallet.address for wallet in wallets},
        seed,
    )
    snapshots = [snapshot for market in recorded for snapshot in market.snapshots]
    header = TapeHeader(
        name="Bitcoin up or down, 18 markets of 15 minutes, 2026-09-28",
        format_version=VERSION,
        attribution=_ATTRIBUTION,
        licence=_LICENCE,
        invented=_INVENTED,
        starts_at=starts_at,
        ends_at=max(market.resolves_at for market in markets),
    )
    write_tape(path, header, markets, wallets, in_order([*orders, *snapshots]))


def tape_market(recorded: RecordedMarket, index: int) -> TapeMarket:
    """Describe a recorded market and invent what its recording does not say.

    `starts_at` is the first book's second: the venue lists such a market about 15 minutes before
    the window that it is about, which itself begins 15 minutes before `ends_at`.
    """
    row = recorded.row
    return TapeMarket(
        condition_id=row.market_id,
        question=row.question,
        slug=row.slug,
        event_slug=row.slug,
        outcomes=(row.outcome_up, row.outcome_down),
        dialect=Dialect.PROTOCOL_V2 if index in PROTOCOL_V2_MARKETS else Dialect.CLOB_V2,
        neg_risk=index in NEG_RISK_MARKETS,
        tick_size=tick_size(recorded.snapshots),
        min_size=5 * MICROS,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=recorded.snapshots[0].at // 1000 * 1000,
        ends_at=row.end_ts,
        resolves_at=max(row.end_ts + REST_MS, -(-recorded.snapshots[-1].at // 1000) * 1000),
        payouts=(int(row.payout_up * MICROS), int(row.payout_down * MICROS)),
    )


def tick_size(snapshots: Sequence[Snapshot]) -> int:
    """Return the coarser of the steps 0.01 and 0.001 that every price fits, in micros."""
    prices = {level.price for book in snapshots for level in book.bids + book.asks}
    tick = 10_000 if all(price % 10_000 == 0 for price in prices) else 1_000
    if any(price % tick for price in prices):
        raise SourceError(f"expected prices in steps of 0.001, found one of {sorted(prices)}")
    return tick


def in_order(events: Sequence[TapeEvent]) -> list[TapeEvent]:
    """Sort by time; a market's whale order stands just before the book that lacks its levels."""
    return sorted(events, key=lambda e: (e.at, e.condition_id, isinstance(e, Snapshot)))


def main(arguments: Sequence[str]) -> int:
    """Build from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m paper.tapes.build", description=__doc__)
    parser.add_argument("recording", type=Path, help="the resolvedkit wheel, or it unpacked")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args(arguments)
    try:
        build(load_recording(given.recording), given.out, given.seed)
    except SourceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{given.out}: {given.out.stat().st_size} bytes\n")
    return 0


def in_playing_order(markets: Sequence[RecordedMarket]) -> list[RecordedMarket]:
    """Put the last two markets first, each group's quiet start left out and its spacing kept.

    They are moved back in time, to before the first recorded window; fewer than four markets stay
    as they are.
    """
    if len(markets) < 2 * PLAYED_FIRST:
        return [_without_quiet(markets[0]), *markets[1:]]
    later = [_without_quiet(markets[0]), *markets[1:-PLAYED_FIRST]]
    first = [_without_quiet(markets[-PLAYED_FIRST]), *markets[1 - PLAYED_FIRST :]]
    ends_at = max(max(m.row.end_ts, m.snapshots[-1].at) for m in first) + REST_MS + BETWEEN_MS
    shift = (later[0].snapshots[0].at - ends_at) // 1000 * 1000
    return [*(_moved(market, shift) for market in first), *later]


def _moved(market: RecordedMarket, by_ms: int) -> RecordedMarket:
    row = replace(
        market.row, start_ts=market.row.start_ts + by_ms, end_ts=market.row.end_ts + by_ms
    )
    return RecordedMarket(row, tuple(replace(s, at=s.at + by_ms) for s in market.snapshots))


def _without_quiet(first: RecordedMarket) -> RecordedMarket:
    starts_at = first.row.start_ts - LEAD_MS
    return RecordedMarket(first.row, tuple(s for s in first.snapshots if s.at >= starts_at))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
