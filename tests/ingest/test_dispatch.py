import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

import ingest.dispatch
from exchange.port import UnavailableError, WireError
from ingest.dispatch import Dispatcher, DispatchPorts
from ingest.pace import Pace
from storage.bell import PostgresBell
from storage.postgres import PostgresStore
from tests.ingest.desk import ShakyStore, until, utc_now
from tests.storage.builders import NOW, market, signal, whale
from trading.rules import PaceRules, Rules
from trading.types import Market, Side, SignalId, SignalState, TokenId
from workflows import names


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll often and repeat at once."""
    monkeypatch.setattr(ingest.dispatch, "POLL", timedelta(milliseconds=50))
    monkeypatch.setattr(ingest.dispatch, "PAUSE_S", 0.01)


@dataclass
class Temporal:
    """The real client, away for the first calls; counts what it is asked to start."""

    client: Client
    away: int = 0
    asked: list[str] = field(default_factory=list)

    async def start_workflow(self, *args: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        self.asked.append(options["id"])
        if self.away:
            self.away -= 1
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return await self.client.start_workflow(*args, **options)


@dataclass
class Venue:
    """Tells of one market, or nothing, or fails."""

    market: Market | None = None
    error: Exception | None = None

    async def find(self, token_id: TokenId) -> Market | None:
        if self.error is not None:
            raise self.error
        assert token_id == signal().token_id
        return self.market


@dataclass
class Office:
    """What dispatchers need, and the names of the signals of one test."""

    store: PostgresStore
    temporal: Temporal
    bell: PostgresBell
    prefix: str
    venue: Venue = field(default_factory=Venue)
    rules: Rules = field(default_factory=Rules)
    paces: dict[str, Pace] = field(default_factory=dict)

    def name(self, number: int) -> SignalId:
        return SignalId(f"{self.prefix}-{number}")

    async def commit(self, *numbers: int, side: Side = Side.BUY) -> None:
        for number in numbers:
            fresh = replace(signal(self.name(number)), traded_at=utc_now(), side=side)
            await self.store.record_signal(fresh, utc_now())

    def handle(self, number: int) -> WorkflowHandle[Any, Any]:
        return self.temporal.client.get_workflow_handle(names.copy_trade_id(self.name(number)))

    async def states(self, numbers: Sequence[int]) -> list[SignalState]:
        found = [await self.store.load_signal(self.name(number)) for number in numbers]
        return [stored.state for stored in found if stored is not None]

    async def all_run(self, *numbers: int) -> None:
        async def hold() -> bool:
            return set(await self.states(numbers)) == {SignalState.RUNNING}

        await until(hold)

    @asynccontextmanager
    async def dispatching(self, *claimants: str, store: object = None) -> AsyncIterator[None]:
        known = cast("PostgresStore", store or self.store)
        temporal = cast("Client", self.temporal)
        dispatchers = []
        for name in claimants:
            pace = self.paces[name] = Pace(self.rules.pace)
            ports = DispatchPorts(known, known, self.bell, temporal, self.venue.find, pace)
            dispatchers.append(Dispatcher(ports, name, self.rules.orders, utc_now))
        tasks = [asyncio.create_task(dispatcher.run()) for dispatcher in dispatchers]
        try:
            yield
            assert not any(task.done() for task in tasks), tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def office(
    store: PostgresStore,
    database_url: str,
    temporal_client: Client,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Office]:
    """An office on the real Temporal; what it started is ended, since nobody works there."""
    bell = PostgresBell(database_url)
    office = Office(store, Temporal(temporal_client), bell, request.node.name[:60])
    yield office
    await bell.close()
    for workflow_id in set(office.temporal.asked):
        try:
            await temporal_client.get_workflow_handle(workflow_id).terminate()
        except RPCError:
            continue  # it never started, or has ended


def priority_of(description: WorkflowExecutionDescription) -> int:
    return description.raw_description.workflow_execution_info.priority.priority_key


async def test_two_dispatchers_start_every_signal_once(office: Office) -> None:
    numbers = range(25)
    await office.commit(*numbers)
    async with office.dispatching("one", "two"):
        await office.all_run(*numbers)
        await office.commit(99)
        await office.all_run(99)
    wanted = {names.copy_trade_id(office.name(number)) for number in (*numbers, 99)}
    assert set(office.temporal.asked) == wanted  # a slow answer may be asked for twice
    description = await office.handle(3).describe()
    assert description.status is WorkflowExecutionStatus.RUNNING
    assert description.task_queue == names.TASK_QUEUE


async def test_a_trade_can_be_found_by_whale_market_and_size(office: Office) -> None:
    await office.store.save_market(market(), NOW)
    await office.store.save_whale(whale(), NOW)
    await office.commit(1)
    async with office.dispatching("one"):
        await office.all_run(1)
    description = await office.handle(1).describe()
    found = description.typed_search_attributes
    assert found[names.WHALE] == signal().wallet
    assert found[names.TOKEN_ID] == signal().token_id
    assert (found[names.SIDE], found[names.TRADE_STATE]) == ("BUY", "RUNNING")
    assert (found[names.MARKET_SLUG], found[names.OUTCOME]) == ("will-it", "Yes")
    assert Decimal(str(found[names.NOTIONAL_USD])) == Decimal("1530.255")
    summary = await description.static_summary()
    assert summary == "0xb2b2…b2b2 BUY 3000 Yes @ 0.510 'Will it?'"
    assert priority_of(description) == 3


async def test_a_signal_of_an_unknown_market_and_whale_starts_all_the_same(office: Office) -> None:
    await office.commit(1)
    async with office.dispatching("one"):
        await office.all_run(1)
    description = await office.handle(1).describe()
    assert description.typed_search_attributes.get(names.MARKET_SLUG) is None
    assert priority_of(description) == 5
    assert "token 7777777777…" in (await description.static_summary() or "")


async def test_a_market_traded_for_the_first_time_is_named_all_the_same(office: Office) -> None:
    office.venue.market = market()
    await office.commit(1)
    async with office.dispatching("one"):
        await office.all_run(1)
    description = await office.handle(1).describe()
    assert description.typed_search_attributes[names.MARKET_SLUG] == "will-it"
    assert "'Will it?'" in (await description.static_summary() or "")


@pytest.mark.parametrize("error", [UnavailableError("away"), WireError("odd"), TimeoutError()])
async def test_a_market_that_cannot_be_asked_for_holds_up_no_trade(
    office: Office, error: Exception
) -> None:
    office.venue.error = error
    await office.commit(1)
    async with office.dispatching("one"):
        await office.all_run(1)
    description = await office.handle(1).describe()
    assert description.typed_search_attributes.get(names.MARKET_SLUG) is None


async def test_signals_wait_while_temporal_is_away_and_start_when_it_is_back(
    office: Office,
) -> None:
    office.temporal.away = 7
    await office.commit(1, 2, 3)
    async with office.dispatching("one"):
        await office.all_run(1, 2, 3)
    assert len(office.temporal.asked) == 10


async def test_a_signal_that_temporal_would_not_take_is_claimed_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.dispatch, "TRY_FOR_S", 0)
    office.temporal.away = 1
    await office.commit(1)
    async with office.dispatching("one"):

        async def asked() -> bool:
            return len(office.temporal.asked) == 1

        await until(asked)
    assert await office.states([1]) == [SignalState.WAITING]
    later = utc_now() + timedelta(seconds=6)
    [claimed] = await office.store.claim_signals("two", 10, later)
    assert claimed.signal.signal_id == office.name(1)


async def test_a_trade_that_already_ended_is_not_started_again(office: Office) -> None:
    """The dispatcher that started it died before it could say so."""
    workflow_id = names.copy_trade_id(office.name(1))
    await office.temporal.client.start_workflow(
        "CopyTradeWorkflow", office.name(1), id=workflow_id, task_queue=names.TASK_QUEUE
    )
    await office.handle(1).terminate()
    await office.commit(1)
    async with office.dispatching("one"):
        await office.all_run(1)
    description = await office.handle(1).describe()
    assert description.status is WorkflowExecutionStatus.TERMINATED


async def test_dispatching_pauses_while_the_database_is_away(office: Office) -> None:
    shaky = ShakyStore(office.store)
    shaky.away = {"claim_signals": 2, "load_market": 1, "release_claim": 1}
    await office.commit(1)
    async with office.dispatching("one", store=shaky):
        await office.all_run(1)
    assert len(office.temporal.asked) == 2


async def test_a_signal_whose_facts_cannot_be_read_holds_up_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.dispatch, "TRY_FOR_S", 0)
    shaky = ShakyStore(office.store)
    shaky.refused = {"load_market"}
    await office.commit(1)
    async with office.dispatching("one", store=shaky):

        async def claimed() -> bool:
            return not await office.store.claim_signals("look", 10, utc_now())

        await until(claimed)
        shaky.refused = set()
        await office.commit(2)
        await office.all_run(2)


async def test_no_more_trades_start_than_can_be_sent_in_time(office: Office) -> None:
    office.rules = replace(office.rules, pace=PaceRules(young_max=2, young_for=timedelta(hours=1)))
    await office.commit(1, 2, 3, 4)
    async with office.dispatching("one"):
        await office.all_run(1, 2)
        assert await office.states([3, 4]) == [SignalState.WAITING] * 2
        claimed = await office.store.claim_signals("another worker", 1, utc_now())
        assert [each.signal.signal_id for each in claimed] == [office.name(3)]
        office.paces["one"].passed(office.name(2))
        await office.all_run(1, 2, 4)


async def test_a_trade_that_is_not_heard_of_holds_up_the_others_for_a_moment_only(
    office: Office,
) -> None:
    brief = PaceRules(young_max=1, young_for=timedelta(milliseconds=50))
    office.rules = replace(office.rules, pace=brief)
    await office.commit(1, 2, 3)
    async with office.dispatching("one"):
        await office.all_run(1, 2, 3)


async def test_sales_of_whales_take_no_room(office: Office) -> None:
    office.rules = replace(office.rules, pace=PaceRules(young_max=1, young_for=timedelta(hours=1)))
    await office.commit(1, 2, 3, side=Side.SELL)
    async with office.dispatching("one"):
        await office.all_run(1, 2, 3)


async def test_what_is_too_old_already_ends_without_a_workflow(office: Office) -> None:
    old = utc_now() - timedelta(seconds=6)
    late = replace(signal(office.name(1)), traded_at=old)
    await office.store.record_signal(late, old)
    await office.commit(2)
    async with office.dispatching("one"):
        await office.all_run(2)
    assert await office.states([1]) == [SignalState.EXPIRED]
    assert office.temporal.asked == [names.copy_trade_id(office.name(2))]
