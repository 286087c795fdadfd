"""What a decision was made from comes back exactly, so that it is made again exactly."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from storage.decision_inputs import Inputs, InputWriter, Judgement, read_inputs
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, later
from tests.trading.scene import NOW as DECIDED_AT
from tests.trading.scene import facts, levels, price, shares, usd
from trading.decide import Facts
from trading.holdings import Mirror
from trading.overrides import Overrides
from trading.rules import Rules
from trading.types import Price, Shares, Side, SignalId, SizingMode, Usd
from trading.verdict import decide_again, differences

DECISIONS = 1000


def random_rules(chance: random.Random) -> Rules:
    rules = Rules()
    mode = chance.choice(list(SizingMode))
    bankroll = Usd(Decimal(chance.randint(50, 5000))) if chance.random() < 0.5 else None
    return replace(
        rules,
        sizing=replace(rules.sizing, mode=mode, bankroll_max=bankroll),
        filters=replace(rules.filters, quality_min=_share(chance, 0, 60)),
        risk=replace(rules.risk, position_max=Usd(Decimal(chance.randint(1, 1000)))),
    )


def random_facts(chance: random.Random) -> Facts:
    """A signal, its market and our money, most of it copyable."""
    scene = facts()
    at = chance.randint(8, 92)
    own = Overrides(position_max=usd("77.5"), sizing_mode=SizingMode.PERCENT)
    signal = replace(
        scene.signal,
        side=chance.choice((Side.BUY, Side.BUY, Side.BUY, Side.SELL)),
        size=Shares(Decimal(chance.randint(500_000_000, 30_000_000_000)).scaleb(-6)),
        price=Price(Decimal(at) / 100),
        traded_at=DECIDED_AT - timedelta(microseconds=chance.randint(0, 5_200_000)),
    )
    asks = [(str(Decimal(at + n) / 100), str(chance.randint(1, 90_000))) for n in range(3)]
    bids = [(str(Decimal(at - 1 - n) / 100), str(chance.randint(1, 90_000))) for n in range(3)]
    has_lots = signal.side is Side.SELL and chance.random() < 0.5
    return replace(
        scene,
        signal=signal,
        whale=replace(
            scene.whale,
            quality_score=_share(chance, 40, 100),
            win_rate=_share(chance, 40, 90),
            overrides=own if chance.random() < 0.3 else scene.whale.overrides,
        ),
        book=replace(scene.book, bids=levels(*bids), asks=levels(*asks)),
        portfolio=replace(scene.portfolio, drawdown=_share(chance, 0, 30)),
        held=shares(str(chance.randint(0, 300))),
        whale_held=shares(str(chance.randint(0, 30_000))),
        volatility=_share(chance, 0, 20),
        correlation=Decimal(chance.choice((-1, 0, 1))),
        mirror=Mirror(_share(chance, 0, 100), shares("100"), shares("40")) if has_lots else None,
    )


def _share(chance: random.Random, low: int, high: int) -> Decimal:
    return Decimal(chance.randint(low * 10**26, high * 10**26)).scaleb(-28)


def test_a_thousand_random_decisions_are_made_again_to_the_same_figures() -> None:
    chance, ends = random.Random(24), Counter[str]()
    for _ in range(DECISIONS):
        scene, rules = random_facts(chance), random_rules(chance)
        verdict = decide_again(scene, rules)
        inputs = read_inputs(InputWriter(rules).write(scene))
        assert inputs == Inputs(scene, rules)
        assert not differences(verdict, decide_again(inputs.facts, inputs.rules))
        ends[verdict["verdict"]] += 1
    assert ends["COPIED"] > 100
    assert len(ends) >= 6


def test_a_book_that_is_a_hair_different_is_noticed() -> None:
    """The control: were a figure lost on the way, the two verdicts would differ."""
    scene = facts()
    inputs = read_inputs(InputWriter(Rules()).write(scene))
    assert inputs is not None
    (ask, *more) = inputs.facts.book.asks
    lost = replace(inputs.facts.book, asks=(replace(ask, price=price("0.501")), *more))
    again = decide_again(replace(inputs.facts, book=lost), inputs.rules)
    assert differences(decide_again(scene, Rules()), again)


def test_what_an_older_version_wrote_otherwise_is_not_guessed() -> None:
    assert read_inputs("") is None
    assert read_inputs('{"facts": {}, "rules": {}}') is None


async def test_the_first_judgement_stands_with_its_inputs(store: PostgresStore) -> None:
    signal_id, text = SignalId("s1"), InputWriter(Rules()).write(facts())
    await store.save_judgement(signal_id, Judgement("assess", {"a": "1"}, text), NOW)
    await store.save_judgement(signal_id, Judgement("assess", {"a": "2"}), later(1))
    assert await store.load_decision(signal_id, "assess") == {"a": "1"}
    assert read_inputs(await store.load_inputs(signal_id, "assess")) == Inputs(facts(), Rules())
    assert await store.load_inputs(signal_id, "other") == ""
    await store.save_judgement(signal_id, Judgement("other", {"a": "2"}), later(1))
    assert await store.load_inputs(signal_id, "other") == ""
