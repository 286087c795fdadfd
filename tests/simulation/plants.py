"""Planted bugs: what naive code does, put in the place of what ours does while a seed plays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import activities.evidence
import trading.absence
import trading.orders
from storage.port import LimitCaps, Reserved
from tests.simulation import order_records
from tests.simulation.gateway import Gateway
from tests.simulation.ports import Records
from tests.simulation.scenario import Play
from tests.simulation.tables import load_account
from trading.absence import Silence
from trading.orders import Evidence, Intent, OrderProgress, Ruling, VenueTrade
from trading.rules import OrderRules
from trading.submits import SubmitAnswer
from trading.types import OrderHash, OrderState, Refusal, Settlement


@contextmanager
def put(owner: object, name: str, planted: object) -> Iterator[None]:
    """Replace a member for a while."""
    kept = vars(owner)[name]
    setattr(owner, name, planted)
    try:
        yield
    finally:
        setattr(owner, name, kept)


@contextmanager
def new_salt_retry() -> Iterator[None]:
    """Make another order of every repeated POST."""
    post = Gateway.post_order
    tries: dict[str, int] = {}

    async def post_order(self: Gateway, intent: Intent) -> SubmitAnswer:
        order_hash = intent.order.order_hash
        tries[order_hash] = tries.get(order_hash, 0) + 1
        if tries[order_hash] > 1:
            salted = replace(
                intent.order, order_hash=OrderHash(f"{order_hash}+{tries[order_hash]}")
            )
            intent = replace(intent, order=salted)
        return await post(self, intent)

    with put(Gateway, "post_order", post_order):
        yield


@contextmanager
def release_on_terminal() -> Iterator[None]:
    """Call an order done as soon as the venue is through with it."""
    with put(OrderProgress, "is_done", property(lambda self: self.state.is_terminal)):
        yield


@contextmanager
def matched_is_money() -> Iterator[None]:
    """Take a match for a fill, and never take it back."""
    fold = trading.orders.fold

    def planted(progress: OrderProgress, evidence: Evidence) -> OrderProgress:
        if isinstance(evidence, VenueTrade):
            evidence = replace(evidence, settlement=Settlement.CONFIRMED)
        return fold(progress, evidence)

    with put(order_records, "fold", planted):
        yield


@contextmanager
def check_then_act() -> Iterator[None]:
    """Look at the limits first, and take them in a second step."""

    async def reserve_entry(
        self: Records, intent: Intent, caps: LimitCaps, now: datetime
    ) -> Reserved | Refusal:
        refusal = order_records.check_limits(
            self.tables, _placed(self, intent), caps, load_account(self.tables)
        )
        if refusal is not None:
            return refusal
        await self.journeys.process.pause(300_000)
        with put(order_records, "check_limits", _say_nothing):
            return order_records.reserve_entry(self.tables, intent, caps, now)

    with put(Records, "reserve_entry", reserve_entry):
        yield


def _placed(records: Records, intent: Intent) -> Intent:
    position, _ = order_records.find_position(records.tables, intent, intent.created_at)
    return replace(intent, position_id=position.record.position_id)


@contextmanager
def silence_is_death() -> Iterator[None]:
    """Take an order for dead as soon as the venue says that it does not know it."""

    true_rule = trading.absence.rule_on_silence

    def rule(
        intent: Intent, progress: OrderProgress, silence: Silence, rules: OrderRules
    ) -> Ruling | None:
        if progress.state is OrderState.UNKNOWN:
            return Ruling(OrderState.VOID, "not found")
        return true_rule(intent, progress, silence, rules)

    with put(activities.evidence, "rule_on_silence", rule):
        yield


@contextmanager
def no_fencing() -> Iterator[None]:
    """Let whoever asks send, whichever stack holds the wallet."""
    with put(order_records, "check_fence", _say_nothing):
        yield


def _say_nothing(*details: object) -> None:
    del details


PLANTS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "new-salt retry": (new_salt_retry, ("I1 ", "I9 ")),
    "release on terminal": (release_on_terminal, ("I6 ",)),
    "matched is money": (matched_is_money, ("I3 ", "I6 ", "I7 ", "I11 ")),
    "check then act": (check_then_act, ("I4 ",)),
    "silence is death": (silence_is_death, ("I2 ", "I5 ", "I6 ")),
    "no fencing": (no_fencing, ("I9 ",)),
}
"""A planted bug by its name, and how the violation that finds it may begin."""


def first_caught(
    plant: Callable[[], Any], seeds: range, signs: tuple[str, ...]
) -> tuple[int, str] | None:
    """Return the first seed in which a planted bug is seen, and the violation."""
    with plant():
        for seed in seeds:
            violations = Play(seed).run().violations
            if violations:
                found = violations[0].partition(" ")[2]
                assert found.startswith(signs), f"seed {seed}: expected {signs}, received {found}"
                return seed, found
    return None
