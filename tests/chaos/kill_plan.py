"""Plans the kills: what is struck when, all of it by the seed."""

import random
from dataclasses import dataclass
from enum import StrEnum

GAP_MIN_S = 0.3
GAP_MAX_S = 3.0
FROZEN_S = (3.0, 9.0)


class KillKind(StrEnum):
    """What is struck, and how."""

    WORKER = "worker"
    BOTH_WORKERS = "both_workers"
    TEMPORAL = "temporal"
    POSTGRES = "postgres"
    FREEZE = "freeze"
    INGEST = "ingest"
    VALKEY = "valkey"


SHARES = {
    KillKind.WORKER: 70,
    KillKind.BOTH_WORKERS: 8,
    KillKind.TEMPORAL: 8,
    KillKind.POSTGRES: 6,
    KillKind.FREEZE: 4,
    KillKind.INGEST: 2,
    KillKind.VALKEY: 2,
}
"""Per hundred."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One strike. `die` in [0, 1) chooses among equals; a freeze ends after `lasts_s`."""

    at_s: float
    kind: KillKind
    die: float
    lasts_s: float


def plan_kills(count: int, from_s: float, to_s: float, seed: int) -> tuple[Kill, ...]:
    """Spread `count` kills between two times; the kinds have their shares as exactly as can be."""
    rng = random.Random(f"kills/{seed}")
    kinds = _kinds(count)
    rng.shuffle(kinds)
    gaps = [rng.uniform(GAP_MIN_S, GAP_MAX_S) for _ in range(count + 1)]
    scale = (to_s - from_s) / sum(gaps)
    kills, at_s = [], from_s
    for kind, gap in zip(kinds, gaps, strict=False):
        at_s += gap * scale
        kills.append(Kill(at_s, kind, rng.random(), rng.uniform(*FROZEN_S)))
    return tuple(kills)


def _kinds(count: int) -> list[KillKind]:
    """Deal the kinds out by largest remainder."""
    exact = {kind: count * share / 100 for kind, share in SHARES.items()}
    dealt = {kind: int(wanted) for kind, wanted in exact.items()}
    by_rest = sorted(SHARES, key=lambda kind: dealt[kind] - exact[kind])
    for kind in by_rest[: count - sum(dealt.values())]:
        dealt[kind] += 1
    return [kind for kind, n in dealt.items() for _ in range(n)]
