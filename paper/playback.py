"""Plays a tape on the wall clock: when its events are due, and what its markets are called."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from paper.derive import ctf_ids, protocol_v2_ids
from paper.model import Dialect, Market
from paper.registry import Listing
from paper.tape import Snapshot, Tape, TapeEvent, TapeMarket


@dataclass(frozen=True, slots=True)
class Play:
    """One playing of a tape, and how far it has come. Times in ms; `tape_at` is tape time.

    `position` counts the tape's events that were played. A play that goes on after a pause is
    anchored anew, so that nothing of the tape falls into the pause.
    """

    play_id: str
    tape_name: str
    market_limit: int | None
    started_at: int
    anchored_at: int
    tape_at: int
    position: int = 0


class TapeClock:
    """Wall time of a tape's moments, with `speed` seconds of tape to one of the wall clock."""

    def __init__(self, play: Play, speed: Decimal) -> None:
        self._wall = play.anchored_at
        self._tape = play.tape_at
        self._over, self._under = speed.as_integer_ratio()

    def wall(self, tape_at: int) -> int:
        """Return when a moment of the tape comes, in wall-clock ms."""
        return self._wall + (tape_at - self._tape) * self._under // self._over

    def tape(self, wall_at: int) -> int:
        """Return which moment of the tape it is."""
        return self._tape + (wall_at - self._wall) * self._over // self._under


class Playback:
    """The events of a tape that are yet to come."""

    def __init__(self, tape: Tape, play: Play) -> None:
        self._events = tape.events(play.market_limit)
        self._next: TapeEvent | None = next(self._events, None)
        self.position = 0

    @property
    def is_over(self) -> bool:
        """Tell whether every event was played."""
        return self._next is None

    def wind(self, position: int) -> dict[str, Snapshot]:
        """Skip the first events; return the last snapshot of each market among them."""
        last: dict[str, Snapshot] = {}
        while self.position < position and self._next is not None:
            if isinstance(self._next, Snapshot):
                last[self._next.condition_id] = self._next
            self._advance()
        return last

    def due(self, tape_at: int, limit: int) -> Iterator[TapeEvent]:
        """Yield at most `limit` events up to a moment of the tape."""
        for _ in range(limit):
            event = self._next
            if event is None or event.at > tape_at:
                return
            self._advance()
            yield event

    def _advance(self) -> None:
        self._next = next(self._events, None)
        self.position += 1


def listing_of(recorded: TapeMarket, play: Play, clock: TapeClock, *, is_v1: bool) -> Listing:
    """List a recorded market under this play's ids, on the wall clock.

    Ids follow from the play's id and the recorded condition id, so that every play is made of new
    markets. With the V1 dialect, CLOB markets settle on the V1 exchanges.
    """
    is_protocol_v2 = recorded.dialect is Dialect.PROTOCOL_V2
    derive = protocol_v2_ids if is_protocol_v2 else ctf_ids
    condition_id, token_ids = derive(play.play_id, recorded.condition_id)
    market = Market(
        condition_id=condition_id,
        question=recorded.question,
        slug=recorded.slug,
        event_slug=recorded.event_slug,
        outcomes=recorded.outcomes,
        token_ids=token_ids,
        dialect=Dialect.V1 if is_v1 and not is_protocol_v2 else recorded.dialect,
        neg_risk=recorded.neg_risk,
        tick_size=recorded.tick_size,
        min_size=recorded.min_size,
        fee_rate=recorded.fee_rate,
        fee_exponent=recorded.fee_exponent,
        starts_at=clock.wall(recorded.starts_at),
        ends_at=clock.wall(recorded.ends_at),
        accepting_orders=False,
    )
    return Listing(
        market=market,
        play_id=play.play_id,
        resolves_at=clock.wall(recorded.resolves_at),
        result=recorded.payouts,
    )
