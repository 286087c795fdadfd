import json

from storage.postgres import PostgresStore
from storage.review_evidence import prove_exit, prove_order, prove_signal
from tests.storage.builders import NOW, bought, entry, later, leave, reserved, signal, trade
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import ExitReason, OrderState, SignalId

REFUSED = SubmitOutcome(SubmitKind.REJECTED, OrderState.REJECTED, "not enough balance")


async def test_an_order_is_copied_with_terms_state_fills_and_all_that_was_heard(
    funded: PostgresStore,
) -> None:
    intent = await reserved(funded, entry("s1#1"))
    order_hash = intent.order.order_hash
    await funded.begin_sending(order_hash, 1, NOW)
    await funded.fold(order_hash, [trade(intent, size="40.5", fee="0.1")], NOW)
    async with funded.transaction() as connection:
        proof = json.loads(json.dumps(await prove_order(connection, order_hash)))
    [order] = proof["orders"]
    assert (order["order_hash"], order["state"], order["posts"]) == (order_hash, "PARTIAL", 1)
    assert (order["filled_size"], order["is_done"]) == ("40.5", False)
    terms = order["intent"]
    assert (terms["signal_id"], terms["side"], terms["size"]) == ("s1", "BUY", "100")
    assert (terms["price"], terms["reference_price"]) == ("0.5", "0.495")
    [fill] = order["fills"]
    assert (fill["size"], fill["cost"], fill["fee"]) == ("40.5", "20.25", "0.1")
    [heard] = order["evidence"]
    assert heard["kind"] == "trade"
    assert heard["at"].startswith("2026-11-22T12:00:00")


async def test_a_signal_is_copied_with_decisions_and_its_own_orders(
    funded: PostgresStore,
) -> None:
    await funded.record_signal(signal("s1"), NOW)
    await funded.save_decision(SignalId("s1"), "assess_signal", {"size": "100"}, NOW)
    for name, size in (("s1#1", "100"), ("s1#2", "60"), ("s2#1", "100")):
        await reserved(funded, entry(name, size=size, created_at=later(int(name[-1]))))
    async with funded.transaction() as connection:
        proof = json.loads(json.dumps(await prove_signal(connection, "s1")))
    assert (proof["signal"]["state"], proof["signal"]["size"]) == ("WAITING", "3000.5")
    [decision] = proof["signal"]["decisions"]
    assert (decision["step"], decision["verdict"]) == ("assess_signal", {"size": "100"})
    assert [order["intent"]["attempt"] for order in proof["orders"]] == [1, 2]
    assert proof["orders"][0]["evidence"] == []


async def test_an_exit_is_copied_with_its_position_and_no_entry(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, ExitReason.STOP_LOSS, NOW)
    await funded.commit_exit(leave(position.position_id, size="100"), NOW)
    async with funded.transaction() as connection:
        proof = json.loads(json.dumps(await prove_exit(connection, position.position_id)))
    assert (proof["position"]["state"], proof["position"]["settled_size"]) == ("EXITING", "100")
    assert [order["intent"]["side"] for order in proof["orders"]] == ["SELL"]
