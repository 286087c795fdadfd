"""Runs the play: opens, feeds and resolves markets as the tape and the clock say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from paper.crowd_flow import CrowdFlow
from paper.desk import Desk
from paper.filler import Filler
from paper.late import Late
from paper.model import Level, MarketOpened, MarketResolved, Traded
from paper.pit import Pit
from paper.playback import Play, Playback, TapeClock, listing_of
from paper.redemption import REDEEMED_AFTER_MS, Redemption, redeem
from paper.registry import Listing
from paper.settlement import Floor, Settlement
from paper.tape import Snapshot, Tape, TapeEvent, WhaleOrder

EVENTS_PER_STEP = 500  # so that a backlog never holds up the event loop


@dataclass(frozen=True, slots=True)
class Crew:
    """Those who act on the floor."""

    settlement: Settlement
    pit: Pit
    desk: Desk
    crowd_flow: CrowdFlow
    filler: Filler
    late: Late


class Show:
    """Drives the floor from step to step; without a tape only clocks drive it."""

    def __init__(self, floor: Floor, crew: Crew, *, redeems_all: bool = True) -> None:
        """Redeem for everybody, or for made-up wallets alone and leave clients to do it."""
        self._floor = floor
        self._crew = crew
        self._redeems_all = redeems_all
        self._playback: Playback | None = None
        self._clock: TapeClock | None = None
        self._play: Play | None = None
        self._is_v1 = False
        self._by_recorded_id: dict[str, Listing] = {}
        self._redemptions: list[Redemption] = []

    @property
    def play(self) -> Play | None:
        """Return the play as far as it has come, None without a tape."""
        return self._play

    def begin(self, tape: Tape, play: Play, speed: Decimal, *, is_v1: bool) -> None:
        """List the tape's markets and wind to where the play stands; nobody is told of that."""
        clock = TapeClock(play, speed)
        self._play, self._clock, self._is_v1 = play, clock, is_v1
        self._playback = Playback(tape, play)
        for recorded in tape.markets[: play.market_limit]:
            listing = listing_of(recorded, play, clock, is_v1=is_v1)
            known = self._floor.registry.get(listing.market.condition_id)
            if known is not None:
                listing = _redated(known, listing)
            self._floor.registry.add(listing)
            self._by_recorded_id[recorded.condition_id] = listing
        for recorded_id, snapshot in self._playback.wind(play.position).items():
            listing = self._by_recorded_id[recorded_id]
            if not listing.market.closed:
                listing.book.record(snapshot.bids, snapshot.asks)

    def restart(self, tape: Tape, speed: Decimal, now: int) -> None:
        """Begin the play's clock now; it has stood still since `begin`."""
        assert self._play is not None, "expected a play to begin"
        play = replace(self._play, anchored_at=now)
        if not play.position:
            play = replace(play, started_at=now)
        self.begin(tape, play, speed, is_v1=self._is_v1)

    def step(self, now: int) -> None:
        """Do all that is due."""
        self._play_tape(now)
        running = self._floor.registry.unfinished()
        for listing in running:
            self._turn(listing, now)
        self._crew.late.step(now)
        self._crew.desk.expire(now)
        for trade in self._crew.filler.due(running, now):
            self._floor.publish(Traded(trade))
        self._crew.settlement.step(now)
        self._redeem(now)

    def record(
        self, listing: Listing, bids: Sequence[Level], asks: Sequence[Level], now: int
    ) -> None:
        """Take a recorded book over and serve the resting orders it crosses."""
        self._open(listing)
        listing.book.record(bids, asks)
        if any(listing.book.taken()):
            self._floor.registry.touch(listing)
        self._crew.crowd_flow.serve_crossed(listing, now)
        self._crew.pit.tell_book(listing, now)

    def resolve(self, listing: Listing, payouts: tuple[int, int], now: int) -> None:
        """Close a market: resting orders go at once, tokens are redeemed a little later."""
        listing.market = replace(
            listing.market, closed=True, accepting_orders=False, payouts=payouts
        )
        listing.redeems_at = now + REDEEMED_AFTER_MS
        listing.book.record((), ())
        self._crew.desk.clear(listing, now)
        self._crew.pit.tell_book(listing, now)
        self._floor.registry.touch(listing)
        self._floor.publish(MarketResolved(listing.market))

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left to play, resolve, settle or redeem."""
        is_played = self._playback is None or self._playback.is_over
        return (
            is_played
            and not self._floor.registry.unfinished()
            and not self._crew.settlement.open_markets()
        )

    def take_redemptions(self) -> list[Redemption]:
        """Return redemptions since the last call, to be saved."""
        redemptions, self._redemptions = self._redemptions, []
        return redemptions

    def _play_tape(self, now: int) -> None:
        if self._playback is None or self._clock is None or self._play is None:
            return
        tape_at = self._clock.tape(now)
        for event in self._playback.due(tape_at, EVENTS_PER_STEP):
            self._show(event, now)
        self._play = replace(
            self._play, tape_at=tape_at, anchored_at=now, position=self._playback.position
        )

    def _show(self, event: TapeEvent, now: int) -> None:
        listing = self._by_recorded_id.get(event.condition_id)
        if listing is None or listing.market.closed:
            return
        match event:
            case Snapshot():
                self.record(listing, event.bids, event.asks, now)
            case WhaleOrder():
                self._crew.crowd_flow.whale(event, listing, now)

    def _turn(self, listing: Listing, now: int) -> None:
        market = listing.market
        if market.closed:
            return
        is_of_this_play = self._play is None or listing.play_id == self._play.play_id
        if listing.result is not None and (
            not is_of_this_play or (listing.resolves_at is not None and now >= listing.resolves_at)
        ):
            # A market of a play that was broken off is settled as soon as another one begins.
            self.resolve(listing, listing.result, now)
        elif now >= market.starts_at:
            self._open(listing)

    def _open(self, listing: Listing) -> None:
        market = listing.market
        # Orders are taken until the resolution, also past the end date, as on the real venue.
        if market.accepting_orders or market.closed or not listing.opens_itself:
            return
        listing.market = replace(market, accepting_orders=True)
        self._floor.registry.touch(listing)
        self._floor.publish(MarketOpened(listing.market))

    def _redeem(self, now: int) -> None:
        due = [
            listing
            for listing in self._floor.registry.unfinished()
            if listing.redeems_at is not None and now >= listing.redeems_at
        ]
        if not due:
            return
        under_way = self._crew.settlement.open_markets()
        for listing in due:
            if listing.market.condition_id not in under_way:
                ledger, chosen = self._floor.ledger, self._is_redeemed_for
                self._redemptions += redeem(ledger, listing, now, chosen)
                listing.is_redeemed = True
                self._floor.registry.touch(listing)

    def _is_redeemed_for(self, account: str) -> bool:
        return self._redeems_all or self._floor.crowd.is_invented(account)


def _redated(known: Listing, fresh: Listing) -> Listing:
    """Move a saved market of a resumed play to its new times."""
    known.market = replace(
        known.market, starts_at=fresh.market.starts_at, ends_at=fresh.market.ends_at
    )
    known.resolves_at = fresh.resolves_at
    return known
