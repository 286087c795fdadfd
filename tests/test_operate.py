from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import telling
from activities.records import Command
from codec_keys import NO_CODEC, CodecFile
from command import (
    ClearHalt,
    ListHalts,
    ListReviews,
    ResolveReview,
    ShowReview,
    TellTrade,
    TradeCommand,
)
from embedded.addresses import Addresses, save_addresses
from embedded.temporal_keys import NO_KEY_FILES, TemporalKeyFiles
from inquire import InquireError, inquire
from operate import operate
from storage.clearing import list_halts
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import (
    NOW,
    WALLET,
    YES,
    entry,
    later,
    market,
    reserved,
    signal,
    trade,
    usd,
)
from trading.orders import Ruling
from trading.profiles import DEFAULT
from trading.rules import RiskRules, Rules
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import OrderState, SignalId, SignalState
from workflows.names import copy_trade_id

HEX = "0123456789abcdef" * 4
UNKNOWN = SubmitOutcome(SubmitKind.UNKNOWN, None, "HTTP 500")


@workflow.defn
class ATrade:
    """Takes the commands of a trade, and refuses to be released; ends when it is cancelled."""

    def __init__(self) -> None:
        self._told: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "cancel" in "".join(self._told))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._told

    @workflow.update
    async def cancel(self, command: Command) -> None:
        self._told.append(f"cancel by {command.who}: {command.why}")

    @workflow.update
    async def hold(self, command: Command) -> None:
        self._told.append(f"hold by {command.who}: {command.why}")

    @workflow.update
    async def stop_retrying(self, command: Command) -> None:
        self._told.append(f"stop by {command.who}: {command.why}")

    @workflow.update
    async def release(self, command: Command) -> None:
        self._told.append("release")

    @release.validator
    def _check_release(self, command: Command) -> None:
        raise ValueError("expected a trade that is held")


@dataclass(frozen=True)
class Stack:
    """What is operated."""

    home: Path
    database_url: str = ""
    temporal_address: str = ""
    temporal_namespace: str = "default"
    temporal_keys: TemporalKeyFiles = NO_KEY_FILES
    codec: CodecFile = NO_CODEC
    rules: Rules = DEFAULT


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    """Records in which a signal's order was given up."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    await store.save_market(market(), NOW)
    await store.record_signal(signal(HEX), NOW)
    intent = await reserved(store, entry(f"{HEX}#1"))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    given_up = Ruling(OrderState.VOID, "quarantine over")
    await store.fold(intent.order.order_hash, [UNKNOWN, given_up], NOW)
    await store.apply_order(intent.order.order_hash, NOW)
    await store.finish_signal(SignalId(HEX), SignalState.UNFILLED, None, NOW)
    yield store
    await store.close()


@pytest.fixture
def stack(store: PostgresStore, database_url: str, tmp_path: Path) -> Stack:
    """Where these records are, found by their home."""
    save_addresses(tmp_path, Addresses(database_url, "", "", None))
    return Stack(tmp_path)


async def number_of_review(stack: Stack) -> int:
    [found] = (await operate(stack, ListReviews(open_only=True))).as_json()
    assert isinstance(found, dict)
    return int(found["review_id"])


async def test_the_queue_is_listed_and_one_of_it_shown(stack: Stack) -> None:
    listed = await operate(stack, ListReviews(open_only=True))
    assert "ORDER_GIVEN_UP" in listed.as_text()
    assert "Will it?" in listed.as_text()
    shown = await operate(stack, ShowReview(await number_of_review(stack)))
    assert HEX in shown.as_text()
    assert "given up: quarantine over" in shown.as_text()
    assert "state VOID, posts 1" in shown.as_text()


async def test_status_counts_what_waits(stack: Stack) -> None:
    answer = await inquire(stack, "status")
    assert "to review         1: see `whalecopy review list`" in answer.as_text()
    found = answer.as_json()
    assert isinstance(found, dict)
    assert found["reviews_open"] == 1
    review_id = await number_of_review(stack)
    await operate(stack, ResolveReview(review_id, "ann", "seen"))
    assert "to review         nothing" in (await inquire(stack, "status")).as_text()


async def test_a_review_is_resolved_and_its_signal_decided_anew(
    stack: Stack, store: PostgresStore
) -> None:
    review_id = await number_of_review(stack)
    done = await operate(stack, ResolveReview(review_id, "ann", "again", replays=True))
    found = done.as_json()
    assert isinstance(found, dict)
    replay = str(found["replay_signal_id"])
    stored = await store.load_signal(SignalId(replay))
    assert stored is not None
    assert stored.replays == HEX
    why = await inquire(stack, "why", replay)
    assert f"replays   {HEX}" in why.as_text()
    told = why.as_json()
    assert isinstance(told, dict)
    assert told["replays_signal_id"] == HEX
    assert (
        "review_resolved: ORDER_GIVEN_UP resolved by ann: again"
        in (await inquire(stack, "why", HEX)).as_text()
    )
    assert "nothing to review" in (await operate(stack, ListReviews(open_only=True))).as_text()
    assert "REPLAYED" in (await operate(stack, ListReviews(open_only=False))).as_text()


async def test_what_cannot_be_resolved_says_why(stack: Stack) -> None:
    review_id = await number_of_review(stack)
    await operate(stack, ResolveReview(review_id, "ann", "seen"))
    with pytest.raises(InquireError, match=f"review {review_id} is not resolved: resolved by ann"):
        await operate(stack, ResolveReview(review_id, "bob", "seen"))
    with pytest.raises(InquireError, match="found none with 999"):
        await operate(stack, ShowReview(999))


@pytest.fixture
async def temporal(stack: Stack, database_url: str, temporal_client: Client) -> Stack:
    """A stack with a Temporal, told by its home."""
    address = temporal_client.service_client.config.target_host
    save_addresses(stack.home, Addresses(database_url, "", address, None))
    return stack


async def a_running_trade(store: PostgresStore, name: str) -> SignalId:
    signal_id = SignalId(name)
    await store.record_signal(signal(name), later(1))
    await store.release_claim(signal_id, "us")
    return signal_id


async def test_a_running_trade_is_told_by_the_beginning_of_its_signal(
    temporal: Stack, temporal_client: Client, store: PostgresStore
) -> None:
    name = "ffee" + HEX[:60]
    signal_id = await a_running_trade(store, name)
    async with Worker(
        temporal_client,
        task_queue="operated",
        workflows=[ATrade],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        trade = await temporal_client.start_workflow(
            ATrade.run, id=copy_trade_id(signal_id), task_queue="operated"
        )
        for command in (TradeCommand.HOLD, TradeCommand.STOP, TradeCommand.CANCEL):
            done = await operate(temporal, TellTrade(command, "ffee", "ann", "odd"))
            assert f"{command} of signal {name} is accepted" in done.as_text()
        assert await trade.result() == [f"{w} by ann: odd" for w in ("hold", "stop", "cancel")]
        with pytest.raises(InquireError, match="the signal is RUNNING"):
            await operate(temporal, TellTrade(TradeCommand.HOLD, "ffee", "ann", "odd"))


async def test_a_trade_that_refuses_says_why(
    temporal: Stack, temporal_client: Client, store: PostgresStore
) -> None:
    signal_id = await a_running_trade(store, "ee" + HEX[:62])
    async with Worker(
        temporal_client,
        task_queue="operated too",
        workflows=[ATrade],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        trade = await temporal_client.start_workflow(
            ATrade.run, id=copy_trade_id(signal_id), task_queue="operated too"
        )
        with pytest.raises(InquireError, match="is refused: expected a trade that is held"):
            await operate(temporal, TellTrade(TradeCommand.RELEASE, "ee", "ann", "odd"))
        await trade.terminate()


async def test_a_trade_that_nobody_works_on_may_take_it_later(
    temporal: Stack,
    temporal_client: Client,
    store: PostgresStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telling, "UPDATE_TIMEOUT", timedelta(seconds=1))
    signal_id = await a_running_trade(store, "dd" + HEX[:62])
    trade = await temporal_client.start_workflow(
        ATrade.run, id=copy_trade_id(signal_id), task_queue="nobody's"
    )
    with pytest.raises(InquireError, match="within 1 s; it may still be taken"):
        await operate(temporal, TellTrade(TradeCommand.HOLD, "dd", "ann", "odd"))
    await trade.terminate()


async def test_a_signal_that_has_ended_takes_no_command(temporal: Stack) -> None:
    with pytest.raises(InquireError, match=f"signal {HEX} has ended: UNFILLED"):
        await operate(temporal, TellTrade(TradeCommand.CANCEL, HEX[:8], "ann", "odd"))


async def test_an_unknown_signal_is_refused_before_anybody_is_told(stack: Stack) -> None:
    with pytest.raises(InquireError, match="found none like"):
        await operate(stack, TellTrade(TradeCommand.CANCEL, "nope", "ann", "odd"))


async def test_without_temporal_it_is_said_where_to_look_for_one(
    stack: Stack, database_url: str
) -> None:
    ask = TellTrade(TradeCommand.CANCEL, HEX[:8], "ann", "odd")
    with pytest.raises(InquireError, match="TEMPORAL_ADDRESS"):
        await operate(stack, ask)
    nowhere = replace(stack, database_url=database_url, temporal_address="127.0.0.1:1")
    with pytest.raises(InquireError, match=r"Temporal at 127\.0\.0\.1:1 does not answer"):
        await operate(nowhere, ask)


async def test_a_namespace_that_is_not_there_is_told(temporal: Stack, store: PostgresStore) -> None:
    await a_running_trade(store, "cc" + HEX[:62])
    elsewhere = replace(temporal, temporal_namespace="elsewhere")
    with pytest.raises(InquireError, match=r"[Nn]amespace elsewhere"):
        await operate(elsewhere, TellTrade(TradeCommand.CANCEL, "cc", "ann", "odd"))


async def test_a_halt_is_listed_and_cleared_by_somebody_for_a_reason(
    stack: Stack, store: PostgresStore
) -> None:
    assert "nothing halts" in (await operate(stack, ListHalts())).as_text()
    await store.halt_wallet("the API key is refused", NOW)
    assert "the API key is refused" in (await operate(stack, ListHalts())).as_text()
    with pytest.raises(InquireError, match="found none"):
        await operate(stack, ClearHalt("0x00", "ann", "guess"))
    cleared = await operate(stack, ClearHalt(WALLET[:8], "ann", "a new key"))
    assert "may go on" in cleared.as_text()
    assert (await operate(stack, ListHalts())).as_json() == []
    assert not (await store.load_portfolio(NOW)).entries_halted
    async with store.transaction() as connection:
        query = select(events.c.title).where(events.c.type == "halt_cleared")
        assert (await connection.execute(query)).scalar_one() == "ann cleared it: a new key"


async def test_a_halt_that_stands_for_a_fault_is_cleared_by_its_review_only(
    stack: Stack, store: PostgresStore
) -> None:
    intent = await reserved(store, entry("s7#1"))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    too_much = trade(intent, size="200")
    await store.fold(intent.order.order_hash, [too_much], NOW)
    with pytest.raises(InquireError, match="whalecopy review show"):
        await operate(stack, ClearHalt(YES, "ann", "looks fine"))
    assert len(await list_halts(store)) == 1
