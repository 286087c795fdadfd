"""A decision is stored as text, and made again to the same text."""

from dataclasses import replace
from decimal import Decimal

from tests.trading.scene import facts, usd
from trading.decide import decide
from trading.rules import Rules
from trading.types import Reason, Refusal
from trading.verdict import COPIED, Difference, decide_again, differences, refused, verdict_of

RULES = Rules()


def test_a_yes_keeps_its_numbers_size_and_price() -> None:
    decision = decide(facts(), RULES)
    verdict = verdict_of(decision)
    assert verdict["verdict"] == COPIED
    assert verdict["size"] == str(decision.size)
    assert verdict["limit_price"] == str(decision.limit_price)
    assert "exit_share" not in verdict
    assert verdict["significance"] == decision.significance
    assert verdict == decide_again(facts(), RULES)


def test_a_no_keeps_its_reason_and_numbers() -> None:
    assert refused(Refusal(Reason.NO_EDGE, {"edge": "0"})) == {"edge": "0", "verdict": "NO_EDGE"}
    halted = replace(facts(), portfolio=replace(facts().portfolio, entries_halted=True))
    verdict = decide_again(halted, RULES)
    assert verdict["verdict"] == Reason.ENTRIES_HALTED
    assert verdict["whale_price"] == "0.50"


def test_other_rules_differ_in_what_they_touch_and_nothing_else() -> None:
    was = decide_again(facts(), RULES)
    assert differences(was, was) == []
    smaller = replace(RULES, risk=replace(RULES.risk, position_max=usd("100")))
    found = {d.name: d for d in differences(was, decide_again(facts(), smaller))}
    assert "size" in found
    assert "notional" in found
    assert "bearable" in found
    assert "whale_price" not in found
    stricter = replace(RULES, filters=replace(RULES.filters, quality_min=Decimal("0.9")))
    changed = differences(was, decide_again(facts(), stricter))
    assert Difference("verdict", COPIED, "QUALITY_TOO_LOW") in changed
    assert Difference("size", was["size"], None) in changed
    assert Difference("quality_min", None, "0.9") in changed


def test_trailing_zeros_are_no_difference_but_anything_else_is() -> None:
    assert differences({"a": "0.50", "b": "none"}, {"a": "0.5", "b": "none"}) == []
    assert differences({"a": "0.50"}, {"a": "0.51"}) == [Difference("a", "0.50", "0.51")]
    assert differences({"a": "YES"}, {"a": "0.51"}) == [Difference("a", "YES", "0.51")]
