"""Gives the moments at which asks disappeared to made-up wallets, as whale orders."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from paper.model import MICROS, Level, Side
from paper.tape import WhaleOrder
from paper.tapes.cast import Character, Style
from paper.tapes.moments import Moment, notional_of
from paper.tapes.source import mirror

NOTIONAL_MIN = 1_000 * MICROS
REST_MS = 25_000  # between two orders of one wallet in one market
HOLD_MS = 45_000  # from a buy to the wallet's first sale
ORDERS_MAX = 5  # buys of one wallet in one market
KEPT_FEW = 0.25  # share of the moments that a copier would refuse
KEPT_MOST = 1.0
SKILFUL_FIRST = 8  # weight of skilful wallets where a copier has a chance
COPIED_FROM, COPIED_TO = 250_000, 700_000  # prices at which an even better whale has an edge
_CENT = 10_000
_SLICE_SHARES_MIN = 5


@dataclass(frozen=True, slots=True)
class Ending:
    """When a market ends (Unix ms) and which outcome wins."""

    ends_at: int
    winner: int


@dataclass(slots=True)
class _Story:
    endings: Mapping[str, Ending]
    addresses: Mapping[str, str]
    sides: Mapping[tuple[str, str], int]
    chance: random.Random
    held: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    buys: Counter[tuple[str, str]] = field(default_factory=Counter)
    ordered_at: dict[tuple[str, str], int] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Choice:
    character: Character
    outcome_index: int
    side: Side
    fills: tuple[Level, ...]
    is_maker: bool = False


def tell_story(
    moments: Sequence[Moment],
    endings: Mapping[str, Ending],
    cast: Sequence[Character],
    addresses: Mapping[str, str],
    seed: int,
) -> Iterator[WhaleOrder]:
    """Yield whale orders in time order, one at most per moment.

    Args:
        moments: In the order of `at`.
        endings: Per condition id.
        cast: Who may trade.
        addresses: Per name in the cast.
        seed: Same seed, same story.
    """
    chance = random.Random(seed)  # noqa: S311  a story, not a secret
    sides = choose_sides(cast, endings, chance)
    story = _Story(endings, addresses, sides, chance)
    for moment in moments:
        if moment.notional < NOTIONAL_MIN:
            continue
        copyable = is_copyable(moment, endings[moment.condition_id])
        kept = KEPT_MOST if copyable else KEPT_FEW
        choices = [choice for character in cast for choice in _choices(story, moment, character)]
        if chance.random() < kept and choices:
            weights = [_weight(story, moment, choice, copyable=copyable) for choice in choices]
            yield _told(story, moment, chance.choices(choices, weights)[0])


def choose_sides(
    cast: Sequence[Character], endings: Mapping[str, Ending], chance: random.Random
) -> dict[tuple[str, str], int]:
    """Choose which outcome each wallet buys in each market: the winner in `right_share` of them."""
    sides = {}
    for character in cast:
        right = round(len(endings) * character.right_share)
        is_right = [i < right for i in range(len(endings))]
        chance.shuffle(is_right)
        for (condition_id, ending), right_here in zip(endings.items(), is_right, strict=True):
            winner = ending.winner
            sides[character.name, condition_id] = winner if right_here else 1 - winner
    return sides


def is_copyable(moment: Moment, ending: Ending) -> bool:
    """Tell whether a copier has a chance: time left, a price with an edge, near it afterwards."""
    is_early = ending.ends_at - moment.at > 240_000
    is_inside = COPIED_FROM <= moment.price <= COPIED_TO
    is_tight = moment.ask_after - moment.bid_after <= 30_000
    return is_early and is_inside and is_tight and moment.ask_after * 100 <= moment.price * 102


def is_lasting(moment: Moment) -> bool:
    """Tell whether the asks stay within 2 % of the price for half a minute."""
    return moment.ask_highest * 100 <= moment.price * 102


def _choices(story: _Story, moment: Moment, character: Character) -> Iterator[_Choice]:
    key = (character.name, moment.condition_id)
    if moment.at - story.ordered_at.get(key, 0) < REST_MS:
        return
    mirrored = mirror(moment.gone)
    other = 1 - moment.outcome_index
    if story.buys[key] < ORDERS_MAX and story.sides[key] == moment.outcome_index:
        if character.style is not Style.MAKER:
            yield _Choice(character, moment.outcome_index, Side.BUY, moment.gone)
    elif story.buys[key] < ORDERS_MAX and character.style is Style.MAKER:
        level = max(mirrored, key=lambda level: level.price * level.size)
        if notional_of((level,)) >= NOTIONAL_MIN:
            yield _Choice(character, other, Side.BUY, (level,), is_maker=True)
    held = story.held[*key, other]
    if character.sells and held and moment.at - story.ordered_at[key] >= HOLD_MS:
        fills = _up_to(mirrored, held if story.chance.random() < 0.5 else held // 2)
        if notional_of(fills) >= NOTIONAL_MIN:
            yield _Choice(character, other, Side.SELL, fills)


def _weight(story: _Story, moment: Moment, choice: _Choice, *, copyable: bool) -> float:
    if choice.side is Side.SELL:
        return 4
    first = 1
    if copyable and choice.character.skill == "skilful":
        first = SKILFUL_FIRST * (2 if is_lasting(moment) else 1)
    if choice.is_maker:
        return 3
    return first / (1 + story.buys[choice.character.name, moment.condition_id])


def _up_to(levels: Sequence[Level], size: int) -> tuple[Level, ...]:
    """Return the first `size` micro-shares of the levels, in whole steps of 0.01 share."""
    left = size // _CENT * _CENT
    taken = []
    for level in levels:
        if left > 0:
            taken.append(Level(level.price, min(level.size, left)))
            left -= level.size
    return tuple(taken)


def _told(story: _Story, moment: Moment, choice: _Choice) -> WhaleOrder:
    name = choice.character.name
    key = (name, moment.condition_id)
    fills = choice.fills
    if choice.character.style is Style.SLICED:
        fills = slice_fills(fills, story.chance.randint(10, 100), story.chance)
    elif choice.is_maker:
        fills = slice_fills(fills, story.chance.randint(1, 6), story.chance)
    size = sum(fill.size for fill in fills)
    story.held[*key, choice.outcome_index] += size if choice.side is Side.BUY else -size
    story.buys[key] += choice.side is Side.BUY
    story.ordered_at[key] = moment.at
    story.number += 1
    return WhaleOrder(
        at=moment.at,
        number=story.number,
        wallet=story.addresses[name],
        condition_id=moment.condition_id,
        outcome_index=choice.outcome_index,
        side=choice.side,
        is_maker=choice.is_maker,
        fills=fills,
    )


def slice_fills(fills: Sequence[Level], count: int, chance: random.Random) -> tuple[Level, ...]:
    """Cut fills into about `count` fills at the same prices, each of 5 shares or more.

    A fill of fewer than 10 shares stays whole.

    How many resting orders a recorded level was made of is not recorded; the sum of each level is
    kept to the micro-share.
    """
    total = sum(fill.size for fill in fills)
    least = _SLICE_SHARES_MIN * MICROS
    cut: list[Level] = []
    for fill in fills:
        parts = max(1, min(fill.size // least, round(count * fill.size / total)))
        spare = max(0, fill.size - parts * least)
        marks = sorted(chance.randrange(spare + 1) // _CENT * _CENT for _ in range(parts - 1))
        bounds = [0, *(mark + (i + 1) * least for i, mark in enumerate(marks)), fill.size]
        cut.extend(Level(fill.price, high - low) for low, high in pairwise(bounds))
    return tuple(cut)
