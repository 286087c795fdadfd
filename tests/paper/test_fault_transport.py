"""Tests of requests that are broken on their way, as a client sees them."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from paper.faults import Fault, FaultPlan, Faults, Point
from tests.paper.engine_room import YES
from tests.paper.fault_desk import OWNER, FaultDesk, asked, open_fault_desk

PATIENCE_S = 30


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


def at_post(fault: str, **more: object) -> dict[str, object]:
    return {"at": "post_order", "fault": fault, "count": 1, **more}


def at_cancel(fault: str, **more: object) -> dict[str, object]:
    return {"at": "cancel", "fault": fault, "count": 1, **more}


def duplicated(order_id: str) -> tuple[int, dict[str, str]]:
    return 400, {"error": f"order {order_id} is invalid. Duplicated."}


@pytest.mark.parametrize(
    ("rule", "is_worked"),
    [
        (at_post("drop_before"), False),
        (at_post("drop_after"), True),
        (at_post("hang_before", delay_s="0.01"), False),
        (at_post("hang_after", delay_s="0.01"), True),
    ],
)
async def test_a_post_without_an_answer_is_worked_or_not(
    desk: FaultDesk, rule: dict[str, object], is_worked: bool
) -> None:
    await desk.plan(rule)
    body, order_id = desk.signed(asked())
    await desk.lose("POST", "/order", body)
    assert len(await desk.orders()) == is_worked
    again = await desk.ask("POST", "/order", body)
    assert again == duplicated(order_id) if is_worked else again[0] == 200
    assert (await desk.order())["posts"] == (2 if is_worked else 1)
    assert len(await desk.fills()) == 1


@pytest.mark.parametrize(("fault", "is_worked"), [("error_before", False), ("error_after", True)])
async def test_an_error_says_nothing_of_the_order(
    desk: FaultDesk, fault: str, is_worked: bool
) -> None:
    await desk.plan(at_post(fault))
    body, order_id = desk.signed(asked())
    answer = await desk.ask("POST", "/order", body)
    assert answer == (500, {"error": "could not run the execution"})
    assert len(await desk.orders()) == is_worked
    again = await desk.ask("POST", "/order", body)
    assert again == duplicated(order_id) if is_worked else again[0] == 200


async def test_status_and_text_of_an_error_can_be_given(desk: FaultDesk) -> None:
    await desk.plan(at_post("error_after", status=502, text="bad gateway"))
    assert await desk.post(asked()) == (502, {"error": "bad gateway"})


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("timed_out", 500, "order timed out"),
        ("unauthorized", 401, "Unauthorized/Invalid api key"),
        ("closed_only", 400, f"'{OWNER}' address in closed only mode"),
        ("no_balance", 400, "not enough balance / allowance"),
        ("rate_limited", 429, "Too Many Requests"),
    ],
)
async def test_a_post_is_refused_though_nothing_is_wrong(
    desk: FaultDesk, fault: str, status: int, text: str
) -> None:
    await desk.plan(at_post(fault))
    body, _ = desk.signed(asked())
    assert await desk.ask("POST", "/order", body) == (status, {"error": text})
    assert await desk.orders() == []
    assert (await desk.ask("POST", "/order", body))[0] == 200


async def test_a_region_is_refused(desk: FaultDesk) -> None:
    await desk.plan(at_post("restricted"))
    status, answer = await desk.post(asked())
    assert status == 403
    assert answer["error"].startswith("Trading restricted in your region, please refer to avail")


@pytest.mark.parametrize(("given", "told"), [({}, "1"), ({"retry_after_s": 7}, "7")])
async def test_a_limited_post_is_told_when_to_come_back(
    desk: FaultDesk, given: dict[str, object], told: str
) -> None:
    await desk.plan(at_post("rate_limited", **given))
    status, _, headers = await desk.raw("POST", "/order", desk.signed(asked())[0])
    assert (status, headers["Retry-After"]) == (429, told)


async def test_an_answer_can_be_broken(desk: FaultDesk) -> None:
    await desk.plan(at_post("malformed"), at_post("empty"))
    for _ in range(2):
        status, text, headers = await desk.raw("POST", "/order", desk.signed(asked())[0])
        assert (status, headers["Content-Type"]) == (200, "application/json")
        with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
            json.loads(text)
    assert len(await desk.fills()) == 2


async def test_an_answer_can_name_another_order(desk: FaultDesk) -> None:
    await desk.plan(at_post("wrong_id"))
    body, order_id = desk.signed(asked())
    status, answer = await desk.ask("POST", "/order", body)
    assert (status, answer["status"], len(answer["orderID"])) == (200, "matched", 66)
    assert answer["orderID"] != order_id
    assert (await desk.order())["order_id"] == order_id


@pytest.mark.parametrize("fault", ["malformed", "wrong_id", "empty"])
async def test_a_refusal_is_not_broken(desk: FaultDesk, fault: str) -> None:
    await desk.plan(at_post(fault))
    status, answer = await desk.post(asked(size=90_000))
    assert (status, "not enough balance" in answer["error"]) == (400, True)


async def test_an_order_that_makes_no_sense_is_refused_and_not_struck(desk: FaultDesk) -> None:
    await desk.plan(at_post("drop_before"))
    wrong: list[object] = [{}, [], "x", {"order": {}}]
    for body in wrong:
        assert (await desk.ask("POST", "/order", body))[0] == 400
    assert (await desk.ask("POST", "/orders", []))[0] == 400
    assert await desk.struck() == [0]


async def test_a_batch_is_struck_as_one(desk: FaultDesk) -> None:
    await desk.plan(at_post("wrong_id"), at_post("drop_after"))
    bodies = [desk.signed(asked()) for _ in range(2)]
    wrong = desk.signed(asked(token_id="123"))[0]
    status, legs = await desk.ask("POST", "/orders", [bodies[0][0], wrong])
    assert status == 200
    assert legs[0]["orderID"] not in (bodies[0][1], "")
    assert legs[1]["orderID"] == ""
    await desk.lose("POST", "/orders", [bodies[1][0]])
    assert len(await desk.fills()) == 2


async def test_attempts_of_one_order_are_told_apart(desk: FaultDesk) -> None:
    body, _ = desk.signed(asked())
    rules = [
        at_post(f"error_{when}", match={"attempt": n})
        for n, when in (("0", "before"), ("1", "after"), ("3", "before"))
    ]
    await desk.plan(*rules)
    seen = [(await desk.ask("POST", "/order", body))[0] for _ in range(5)]
    assert seen == [500, 500, 400, 500, 400]
    await desk.plan(at_post("drop_before", match={"attempt": "5"}))
    await desk.lose("POST", "/order", body)


async def test_attempts_before_the_plan_are_counted(desk: FaultDesk) -> None:
    body, _ = desk.signed(asked())
    await desk.ask("POST", "/order", body)
    await desk.ask("POST", "/order", body)
    await desk.plan(at_post("drop_before", match={"attempt": "2"}))
    await desk.lose("POST", "/order", body)


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (at_cancel("drop_before"), "LIVE"),
        (at_cancel("drop_after"), "CANCELED"),
        (at_cancel("hang_before", delay_s="0.01"), "LIVE"),
        (at_cancel("hang_after", delay_s="0.01"), "CANCELED"),
    ],
)
async def test_a_cancel_without_an_answer_works_or_not(
    desk: FaultDesk, rule: dict[str, object], status: str
) -> None:
    await desk.plan(rule)
    _, answer = await desk.post(asked("0.44", order_type="GTC"))
    # Clients may send a DELETE again by themselves, so that it is struck every time.
    await desk.plan({**rule, "count": None})
    await desk.lose("DELETE", "/order", {"orderID": answer["orderID"]})
    assert (await desk.order())["status"] == status


@pytest.mark.parametrize(
    ("fault", "status"), [("error_before", "LIVE"), ("error_after", "CANCELED")]
)
@pytest.mark.parametrize("path", ["/order", "/orders", "/cancel-all", "/cancel-market-orders"])
async def test_a_cancel_is_answered_an_error(
    desk: FaultDesk, fault: str, status: str, path: str
) -> None:
    _, answer = await desk.post(asked("0.44", order_type="GTC"))
    order_id = answer["orderID"]
    await desk.plan(at_cancel(fault))
    bodies: dict[str, object] = {
        "/order": {"orderID": order_id},
        "/orders": [order_id],
        "/cancel-market-orders": {"asset_id": YES},
    }
    answer = await desk.ask("DELETE", path, bodies.get(path))
    assert answer == (500, {"error": "could not run the execution"})
    assert (await desk.order())["status"] == status


@pytest.mark.parametrize(
    ("point", "path"),
    [
        ("read_order", "/data/order/0x12"),
        ("read_order", "/data/orders"),
        ("read_trades", "/data/trades"),
        ("read_balance", "/balance-allowance?asset_type=COLLATERAL"),
        ("read_book", f"/book?token_id={YES}"),
    ],
)
async def test_reads_fail_and_hang(desk: FaultDesk, point: str, path: str) -> None:
    await desk.plan({"at": point, "fault": "error", "count": 1})
    assert await desk.get(path) == (500, {"error": "internal server error"})
    assert (await desk.get(path))[0] == 200
    await desk.plan({"at": point, "fault": "error", "status": 504, "text": "slow"})
    assert await desk.get(path) == (504, {"error": "slow"})
    await desk.plan({"at": point, "fault": "hang", "delay_s": "0.01"})
    await desk.lose("GET", path)


async def test_books_of_several_tokens_fail_too(desk: FaultDesk) -> None:
    await desk.plan({"at": "read_book", "fault": "error"})
    assert (await desk.ask("POST", "/books", [{"token_id": YES}]))[0] == 500


async def test_only_the_named_token_is_struck(desk: FaultDesk) -> None:
    await desk.plan({"at": "read_book", "fault": "error", "match": {"token_id": "5"}})
    assert (await desk.get(f"/book?token_id={YES}"))[0] == 200


async def test_an_order_is_read_as_null(desk: FaultDesk) -> None:
    _, answer = await desk.post(asked("0.44", order_type="GTC"))
    path = f"/data/order/{answer['orderID']}"
    await desk.plan({"at": "read_order", "fault": "null", "match": {"side": "BUY"}, "count": 1})
    assert await desk.get(path) == (200, None)
    assert (await desk.get(path))[1]["status"] == "LIVE"
    await desk.plan({"at": "read_order", "fault": "null"})
    _, page = await desk.get("/data/orders")
    assert (page["data"], page["count"], page["next_cursor"]) == ([], 0, "LTE=")


async def test_trades_come_twice_and_in_another_order(desk: FaultDesk) -> None:
    for _ in range(6):
        await desk.post(asked())
    _, page = await desk.get("/data/trades")
    ids = [row["id"] for row in page["data"]]
    await desk.plan({"at": "read_trades", "fault": "duplicate"})
    _, page = await desk.get("/data/trades")
    assert [row["id"] for row in page["data"]] == [one for one in ids for _ in range(2)]
    assert page["count"] == 12
    await desk.plan({"at": "read_trades", "fault": "shuffle"})
    _, page = await desk.get("/data/trades")
    shuffled = [row["id"] for row in page["data"]]
    assert shuffled != ids
    assert sorted(shuffled) == sorted(ids)


@pytest.mark.parametrize("fault", ["hang_before", "hang_after"])
async def test_what_hangs_ends_with_the_plan(desk: FaultDesk, fault: str) -> None:
    await desk.plan(at_post(fault, delay_s="3600"))
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        lost = tasks.create_task(desk.lose("POST", "/order", desk.signed(asked())[0]))
        while await desk.struck() != [1]:
            pass
        assert not lost.done()
        await desk.plan()


async def test_an_orders_fate_follows_from_seed_and_id_alone(desk: FaultDesk) -> None:
    rule = Fault(Point.POST_ORDER, "error_before", Decimal("0.5"))
    await desk.plan({"at": "post_order", "fault": "error_before", "share": "0.5"}, seed=5)
    faults, seen = Faults(FaultPlan((rule,), seed=5)), []
    for _ in range(20):
        body, order_id = desk.signed(asked(size=3))
        is_struck = faults.draw(Point.POST_ORDER, f"{order_id}/0") is not None
        assert (await desk.ask("POST", "/order", body))[0] == (500 if is_struck else 200)
        seen.append(is_struck)
    assert set(seen) == {True, False}


async def test_without_a_plan_nothing_is_struck(desk: FaultDesk) -> None:
    await desk.plan()
    assert (await desk.post(asked()))[0] == 200
    assert await desk.get("/nothing") == (404, {"error": "not found"})
