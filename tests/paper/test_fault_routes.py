"""Tests of the plan of faults over HTTP."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.paper.fault_desk import OWNER, FaultDesk, asked, open_fault_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


async def test_there_is_no_plan_at_first(desk: FaultDesk) -> None:
    assert await desk.get("/_paper/faults") == (200, {"seed": 1, "rules": []})


async def test_a_plan_is_answered_and_read_again_with_what_it_struck(desk: FaultDesk) -> None:
    rule = {"at": "post_order", "fault": "timed_out", "count": 2, "match": {"side": "BUY"}}
    answer = await desk.plan(rule, seed=7)
    assert answer["seed"] == 7
    (told,) = answer["rules"]
    assert told == {
        "at": "post_order",
        "fault": "timed_out",
        "share": "1",
        "count": 2,
        "skip": 0,
        "delay_s": "0",
        "delay_max_s": None,
        "status": None,
        "text": "",
        "retry_after_s": None,
        "size_share": "1",
        "size_share_max": None,
        "match": {"side": "BUY"},
        "struck": 0,
    }
    await desk.post(asked())
    _, again = await desk.get("/_paper/faults")
    assert again == {"seed": 7, "rules": [{**told, "struck": 1}]}


@pytest.mark.parametrize("profile", ["chaos", "stress", "none"])
async def test_a_profile_is_a_plan(desk: FaultDesk, profile: str) -> None:
    body = {"seed": 3, "profile": profile}
    status, answer = await desk.ask("POST", "/_paper/faults", body)
    assert status == 200
    assert bool(answer["rules"]) is (profile != "none")
    assert await desk.get("/_paper/faults") == (200, answer)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"nonsense", "Invalid JSON"),
        ({"rules": [{"at": "moon", "fault": "x"}]}, "rules.0.at: expected"),
        ({"rules": [{"at": "account", "fault": "drain"}]}, "expected the wallet of a client"),
    ],
)
async def test_a_bad_plan_is_refused_and_the_old_one_stays(
    desk: FaultDesk, body: object, complaint: str
) -> None:
    await desk.plan({"at": "match", "fault": "unfilled"})
    _, before = await desk.get("/_paper/faults")
    text = body.decode() if isinstance(body, bytes) else json.dumps(body)
    async with desk.http.post("/_paper/faults", data=text) as response:
        status, answer = response.status, await response.json()
    assert status == 400
    assert complaint in answer["error"]
    assert await desk.get("/_paper/faults") == (200, before)


async def test_a_wallet_is_drained_when_the_plan_comes(desk: FaultDesk) -> None:
    drain: dict[str, object] = {"at": "account", "fault": "drain", "text": OWNER, "size_share": "1"}
    answer = await desk.plan(drain)
    assert [rule["struck"] for rule in answer["rules"]] == [1]
    _, balance = await desk.get("/balance-allowance?asset_type=COLLATERAL")
    assert balance["balance"] == "0"
    status, answer = await desk.post(asked())
    assert (status, "not enough balance" in answer["error"]) == (400, True)
    wallets = {row["address"]: row["cash"] for row in (await desk.get("/_paper/wallets"))[1]}
    assert (wallets[OWNER], wallets["drained"]) == ("0", "10000")
    assert await desk.orders() == []


@pytest.mark.parametrize("wallet", ["", OWNER.lower()])
async def test_allowances_are_gone_while_the_plan_lasts(desk: FaultDesk, wallet: str) -> None:
    await desk.plan({"at": "account", "fault": "no_allowance", "text": wallet})
    path = "/balance-allowance?asset_type=COLLATERAL"
    _, row = await desk.get(path)
    assert row["balance"] == "10000000000"
    assert set(row["allowances"].values()) == {"0"}
    refusal = (400, {"error": "not enough balance / allowance"})
    assert await desk.post(asked()) == refusal
    assert await desk.struck() == [1]
    await desk.plan()
    assert set((await desk.get(path))[1]["allowances"].values()) != {"0"}
    assert (await desk.post(asked()))[0] == 200


async def test_other_wallets_keep_their_allowances(desk: FaultDesk) -> None:
    await desk.plan({"at": "account", "fault": "no_allowance", "text": "0x" + "12" * 20})
    assert (await desk.post(asked()))[0] == 200
