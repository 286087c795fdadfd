"""What Temporal keeps is encrypted, bound to its workflow, and nothing else is believed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from codec import CodecError, SealedCodec, converter_of
from codec_keys import NO_CODEC, CodecFile, KeyRing, add_key

NOW = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
QUEUE = f"codec-{uuid4()}"
WORDS = "canary-of-the-codec"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=f'"{WORDS}"'.encode())


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    add_key(path, NOW)
    return path


@pytest.fixture
def codec(keys: Path) -> SealedCodec:
    return SealedCodec(KeyRing(keys), "default")


def forget_the_oldest(keys: Path) -> None:
    lines = keys.read_text().splitlines(keepends=True)
    keys.unlink()
    keys.write_text("".join(lines[:-1]))
    keys.chmod(0o400)


def of(workflow_id: str) -> SerializationContext:
    return WorkflowSerializationContext("default", workflow_id)


def of_activity(workflow_id: str | None) -> SerializationContext:
    return ActivitySerializationContext("default", "1", "a", "q", workflow_id, "w", is_local=True)


async def seal(codec: SealedCodec, payload: Payload = PLAIN) -> Payload:
    (sealed,) = await codec.encode([payload])
    return sealed


async def test_a_payload_comes_back_and_shows_nothing_on_its_way(codec: SealedCodec) -> None:
    sealed, again = await seal(codec), await seal(codec)
    assert WORDS.encode() not in sealed.SerializeToString()
    assert sealed.data != again.data
    assert await codec.decode([sealed, again]) == [PLAIN, PLAIN]


async def test_a_trade_s_activities_share_its_binding(codec: SealedCodec) -> None:
    sealed = await seal(codec.with_context(of("copy-1")))
    assert await codec.with_context(of_activity("copy-1")).decode([sealed]) == [PLAIN]
    assert await codec.decode([sealed]) == [PLAIN]  # where the SDK does not say whose it is


async def test_a_schedule_s_runs_read_what_was_written_for_all_of_them(codec: SealedCodec) -> None:
    sealed = await seal(codec.with_context(of("score")))
    run = codec.with_context(of("score-2026-11-22T23:00:00Z"))
    assert await run.decode([sealed]) == [PLAIN]
    with pytest.raises(CodecError, match="received another's"):
        await codec.with_context(of("score-of-another")).decode([sealed])


@pytest.mark.parametrize("context", [of("copy-2"), of_activity("copy-2")])
async def test_a_payload_that_was_moved_to_another_workflow_is_refused(
    codec: SealedCodec, context: SerializationContext
) -> None:
    for mine in (of("copy-1"), of_activity(None)):
        sealed = await seal(codec.with_context(mine))
        with pytest.raises(CodecError, match="received another's"):
            await codec.with_context(context).decode([sealed])


async def test_a_forged_binding_is_refused(codec: SealedCodec) -> None:
    sealed = await seal(codec.with_context(of("copy-1")))
    sealed.metadata["bound-to"] = b"copy-2"
    with pytest.raises(CodecError, match="changed or"):
        await codec.with_context(of("copy-2")).decode([sealed])


async def test_another_namespace_s_payload_is_refused(codec: SealedCodec, keys: Path) -> None:
    with pytest.raises(CodecError, match="changed or foreign"):
        await SealedCodec(KeyRing(keys), "other").decode([await seal(codec)])


async def test_any_changed_bit_is_found(codec: SealedCodec) -> None:
    sealed = await seal(codec)
    for place in range(len(sealed.data)):
        changed = Payload.FromString(sealed.SerializeToString())
        data = bytearray(changed.data)
        data[place] ^= 1
        changed.data = bytes(data)
        with pytest.raises(CodecError, match="changed or foreign"):
            await codec.decode([changed])
    for short in (b"", sealed.data[:20], sealed.data[:-1]):
        with pytest.raises(CodecError, match="changed or foreign"):
            await codec.decode([Payload(metadata=sealed.metadata, data=short)])


async def test_what_is_not_encrypted_is_refused_except_while_switching_on(
    codec: SealedCodec, keys: Path
) -> None:
    for plain in (PLAIN, Payload(data=b"x")):
        with pytest.raises(CodecError, match="expected an encrypted payload") as refusal:
            await codec.decode([plain])
        assert WORDS not in str(refusal.value)
    lenient = SealedCodec(KeyRing(keys), "default", allows_plain=True).with_context(of("copy-1"))
    assert await lenient.decode([PLAIN]) == [PLAIN]
    assert WORDS.encode() not in (await seal(lenient)).data


async def test_old_keys_decode_and_lost_ones_are_named(codec: SealedCodec, keys: Path) -> None:
    before = await seal(codec)
    second = add_key(keys, NOW)
    after = await seal(SealedCodec(KeyRing(keys), "default"))
    assert after.metadata["key-id"] == second.encode()
    assert await codec.decode([before, after]) == [PLAIN, PLAIN]  # its ring was read before
    forget_the_oldest(keys)
    with pytest.raises(CodecError, match="expected a key that is known, received '20261122"):
        await SealedCodec(KeyRing(keys), "default").decode([before])


def test_without_keys_nothing_changes() -> None:
    assert converter_of(NO_CODEC, "default") is pydantic_data_converter


@activity.defn
async def fail(words: str) -> str:
    raise ApplicationError(f"failed with {words}", words, non_retryable=True)


@activity.defn
async def echo(words: str) -> str:
    if not activity.info().is_local:
        activity.heartbeat(words)
    return words


@dataclass
class Told:
    words: str


@workflow.defn
class Talkative:
    """Says its words in every place where Temporal keeps some."""

    def __init__(self) -> None:
        self._told = ""

    @workflow.run
    async def run(self, told: Told) -> str:
        within = timedelta(seconds=30)
        await workflow.execute_activity(
            echo, told.words, schedule_to_close_timeout=within, summary=told.words
        )
        await workflow.execute_local_activity(echo, told.words, schedule_to_close_timeout=within)
        await workflow.wait_condition(lambda: bool(self._told))
        if workflow.info().get_current_history_length() < 40:
            workflow.upsert_memo({"words": told.words})
        try:
            await workflow.execute_activity(fail, told.words, schedule_to_close_timeout=within)
        except Exception as error:
            raise ApplicationError(f"gave up: {error.__cause__} {told.words}") from error
        return told.words

    @workflow.signal
    async def hear(self, words: str) -> None:
        self._told = words

    @workflow.update
    async def take(self, words: str) -> str:
        return words

    @workflow.query
    def ask(self, words: str) -> str:
        return words


@asynccontextmanager
async def working(client: Client, converter: DataConverter) -> AsyncIterator[Client]:
    """A client of its own with a worker of the same mind."""
    config = client.config()
    config["data_converter"] = converter
    mine = Client(**config)
    async with Worker(
        mine,
        task_queue=QUEUE,
        workflows=[Talkative],
        activities=[fail, echo],
        workflow_runner=UnsandboxedWorkflowRunner(),
        build_id="tests",
    ):
        yield mine


async def start(client: Client) -> WorkflowHandle[Talkative, str]:
    return await client.start_workflow(
        Talkative.run,
        Told(WORDS),
        id=f"talk-{uuid4()}",
        task_queue=QUEUE,
        memo={"words": WORDS},
        static_summary=WORDS,
    )


async def talk(client: Client) -> WorkflowHandle[Talkative, str]:
    handle = await start(client)
    assert await handle.execute_update(Talkative.take, WORDS) == WORDS
    assert await handle.query(Talkative.ask, WORDS) == WORDS
    await handle.signal(Talkative.hear, WORDS)
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert WORDS in str(failure.value.cause)
    assert await (await handle.describe()).memo() == {"words": WORDS}
    return handle


@pytest.mark.parametrize("is_encrypted", [True, False])
async def test_nothing_of_a_workflow_is_kept_in_the_open_and_its_history_replays(
    temporal_client: Client, keys: Path, is_encrypted: bool
) -> None:
    converter = converter_of(CodecFile(keys if is_encrypted else None), "default")
    async with working(temporal_client, converter) as client:
        history = await (await talk(client)).fetch_history()
    assert (WORDS in history.to_json()) is not is_encrypted
    kept = b"".join(event.SerializeToString() for event in history.events)
    assert (WORDS.encode() in kept) is not is_encrypted
    replayer = Replayer(
        workflows=[Talkative],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=converter,
        build_id="tests",
    )
    await replayer.replay_workflow(history)


async def test_keys_change_under_running_workflows(temporal_client: Client, keys: Path) -> None:
    file = CodecFile(keys)
    async with working(temporal_client, converter_of(file, "default")) as old:
        begun = [await start(old) for _ in range(5)]
        used = set()
        for handle in begun:
            used.add(add_key(keys, NOW))
            config = old.config()
            config["data_converter"] = converter_of(file, "default")  # one that starts now
            newer = Client(**config).get_workflow_handle(handle.id)
            await newer.signal("hear", WORDS)
            with pytest.raises(WorkflowFailureError):
                await newer.result()
        histories = [await handle.fetch_history() for handle in begun]
    assert len(used) == 5
    assert [task for history in histories for task in _failed_tasks(history.events)] == []
    assert WORDS not in "".join(history.to_json() for history in histories)


async def test_an_unencrypted_signal_stops_the_workflow_and_is_not_believed(
    temporal_client: Client, keys: Path
) -> None:
    async with working(temporal_client, converter_of(CodecFile(keys), "default")) as client:
        handle = await start(client)
        await temporal_client.get_workflow_handle(handle.id).signal("hear", WORDS)
        async with asyncio.timeout(30):
            while True:
                history = await handle.fetch_history()
                if _failed_tasks(history.events):
                    break
        await handle.terminate()
    (failure, *_) = _failed_tasks(history.events)
    assert WORDS not in failure


def _failed_tasks(events: object) -> list[str]:
    assert hasattr(events, "__iter__")
    return [
        str(event.workflow_task_failed_event_attributes.failure)
        for event in events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]


async def test_what_a_schedule_starts_reads_its_arguments(
    temporal_client: Client, keys: Path
) -> None:
    async with working(temporal_client, converter_of(CodecFile(keys), "default")) as client:
        name = f"scheduled-{uuid4()}"
        action = ScheduleActionStartWorkflow(
            Talkative.run, Told(WORDS), id=name, task_queue=QUEUE, memo={"words": WORDS}
        )
        schedule = await client.create_schedule(name, Schedule(action, ScheduleSpec()))
        try:
            await schedule.trigger()
            async with asyncio.timeout(30):
                while not (begun := (await schedule.describe()).info.recent_actions):
                    pass
            started = begun[0].action
            assert isinstance(started, ScheduleActionExecutionStartWorkflow)
            assert started.workflow_id != name
            handle = client.get_workflow_handle(started.workflow_id)
            await handle.signal(Talkative.hear, WORDS)
            with pytest.raises(WorkflowFailureError) as failure:
                await handle.result()
        finally:
            await schedule.delete()
    assert WORDS in str(failure.value.cause)
    history = await handle.fetch_history()
    assert _failed_tasks(history.events) == []
    assert WORDS not in history.to_json()
