"""Does what the commands of the kill switch and the breakers ask, in the records or by a file."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import assert_never

from answers import Answer, iso, plain, table
from halt_command import GuardAsk, LiftBreaker, PullSwitch, ReleaseSwitch, ShowBreakers
from inquire import InquireError, Stack, open_records
from storage.guard_port import BreakerFigures, Kill, KillSource
from storage.halt_file import CLOSE_ALL, NAME, HaltFile
from storage.postgres import PostgresStore
from trading.breakers import Breaker, Override, day_loss, entries_halt, for_all, holds, size_factor
from trading.rules import RiskRules
from trading.types import ONE

Row = tuple[str, str, str, str, str]


async def guard(settings: Stack, ask: GuardAsk) -> Answer:
    """Do what was asked for.

    Raises:
        InquireError: no stack runs, or it was refused; for a halt there is always the file.
    """
    match ask:
        case PullSwitch():
            return await _pull(settings, ask)
        case ReleaseSwitch():
            async with open_records(settings) as store:
                return await _release(settings, store, ask)
        case ShowBreakers():
            async with open_records(settings) as store:
                figures = await store.load_breakers(datetime.now(UTC))
                return answer_breakers(figures, settings.rules.risk, datetime.now(UTC))
        case LiftBreaker():
            async with open_records(settings) as store:
                return await _lift(store, ask)
    assert_never(ask)


async def _pull(settings: Stack, ask: PullSwitch) -> Answer:
    kill = Kill(KillSource.COMMAND, ask.who, ask.why, datetime.now(UTC), ask.closes_all)
    try:
        async with open_records(settings) as store:
            await store.pull_switch(kill)
            return _held(await store.list_kills(), "no entry leaves any more; exits go on")
    except InquireError as error:
        return _write_file(settings, ask, error)


def _write_file(settings: Stack, ask: PullSwitch, cause: InquireError) -> Answer:
    """Halt by the file where the records cannot be reached: it needs nobody."""
    path = settings.home.absolute() / NAME
    words = f"{ask.who}: {ask.why}" + (f" ({CLOSE_ALL})" if ask.closes_all else "")
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(words + os.linesep)
    except OSError as error:
        raise InquireError(f"{cause}; and {path} cannot be written: {error.strerror}") from error
    found = {"is_held": True, "file": str(path), "records": str(cause)}
    text = f"the records cannot be told ({cause}): {path} halts entries until it is taken away"
    return Answer(found, text)


async def _release(settings: Stack, store: PostgresStore, ask: ReleaseSwitch) -> Answer:
    now = datetime.now(UTC)
    sources = [s for s in KillSource if s is not KillSource.FILE]
    for source in sources if ask.everywhere else [KillSource.COMMAND]:
        await store.release_switch(Kill(source, ask.who, ask.why, now))
    left = [kill.describe() for kill in await store.list_kills()]
    if HaltFile(settings.home).read() is not None and not any(NAME in each for each in left):
        left.append(f"the file {settings.home.absolute() / NAME}")
    if left:
        raise InquireError("entries are halted still: " + "; ".join(map(plain, left)))
    return Answer({"is_held": False, "kills": []}, "entries may leave again")


async def _lift(store: PostgresStore, ask: LiftBreaker) -> Answer:
    now = datetime.now(UTC)
    if ask.until is not None and ask.until <= now:
        raise InquireError(f"expected a time to come, received {ask.until.isoformat()}")
    breaker = Breaker(ask.breaker)
    wish = Override(breaker, ask.key, now, ask.until or now, ask.who, ask.why)
    counts = await store.override_breaker(wish)
    if counts is None:
        raise InquireError(f"{breaker} does not stand: there is nothing to lift")
    found = {"breaker": breaker.value, "key": ask.key, "until": iso(counts.until)}
    return Answer(found, f"{breaker} is lifted until {iso(counts.until)}")


def _held(kills: Sequence[Kill], words: str) -> Answer:
    found = {"is_held": bool(kills), "kills": [_kill(kill) for kill in kills]}
    return Answer(found, "\n".join([words, *(plain(kill.describe()) for kill in kills)]))


def answer_breakers(figures: BreakerFigures, rules: RiskRules, now: datetime) -> Answer:
    """Write what every breaker says, its number, and until when it holds or is lifted."""
    halt = entries_halt(for_all(figures.standing), now, rules)
    rows = [*_levels(figures, rules, now), *_trips(figures, now)]
    header = ("BREAKER", "NOW", "TRIPS ABOVE", "HOLDS UNTIL", "ABOUT")
    words = [f"entries are halted: {plain(halt)}" if halt else "entries may leave"]
    words += [
        f"{o.breaker} lifted until {iso(o.until)} by {plain(o.who)}: {plain(o.why)}"
        for o in figures.standing.overrides
    ]
    found = {
        "entries_halted": bool(halt),
        "halt_reason": halt or None,
        "breakers": [_breaker(row) for row in rows],
        "overrides": [_override(each) for each in figures.standing.overrides],
        "kills": [_kill(kill) for kill in figures.kills],
    }
    return Answer(found, "\n".join([*words, "", table(header, rows, "no breakers")]))


def _levels(figures: BreakerFigures, rules: RiskRules, now: datetime) -> Sequence[Row]:
    loss, drawdown = day_loss(figures.standing, now), figures.drawdown
    is_over = loss > rules.daily_loss_max
    is_deep = size_factor(drawdown, rules) < ONE
    share = figures.failed / figures.ended if figures.ended else 0
    rate = f"{figures.failed} of {figures.ended} ({share:.0%})"
    least = f"{rules.failure_rate_max:.0%} of {rules.failure_orders_min} or more"
    return (
        (
            Breaker.DAILY_LOSS.value,
            f"{loss:.2f}",
            f"{rules.daily_loss_max}",
            "the UTC day ends" if is_over else "-",
            "halts entries",
        ),
        (
            Breaker.DRAWDOWN.value,
            f"{drawdown:.4f}",
            f"{rules.drawdown_halve}",
            "it is made up for" if is_deep else "-",
            "halves sizes",
        ),
        (
            Breaker.LOSSES_IN_ROW.value,
            f"{figures.losses.in_row}",
            f"{rules.losses_in_row_max - 1}",
            "-",
            "pauses entries",
        ),
        (Breaker.FAILURE_RATE.value, rate, least, "-", "pauses entries"),
    )


def _trips(figures: BreakerFigures, now: datetime) -> Sequence[Row]:
    return [
        (
            trip.breaker.value,
            "tripped" if holds(trip, figures.standing.overrides, now) else "lifted",
            "-",
            iso(trip.until) or "-",
            trip.key or "all entries",
        )
        for trip in figures.standing.trips
    ]


def _breaker(row: Row) -> Mapping[str, str]:
    return dict(zip(("breaker", "now", "trips_above", "until", "about"), row, strict=True))


def _override(override: Override) -> Mapping[str, str | None]:
    return {
        "breaker": override.breaker.value,
        "key": override.key,
        "until": iso(override.until),
        "who": override.who,
        "why": override.why,
    }


def _kill(kill: Kill) -> Mapping[str, str | bool | None]:
    return {
        "source": kill.source.value,
        "place": kill.place,
        "who": kill.who,
        "why": kill.why,
        "pulled_at": iso(kill.pulled_at),
        "closes_all": kill.closes_all,
    }
