from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.records import Command
from codec_keys import NO_CODEC, CodecFile
from embedded.temporal_keys import NO_KEY_FILES, TemporalKeyFiles
from inquire import InquireError
from telling import Message, connect, tell
from trading.profiles import DEFAULT
from trading.rules import Rules

ASKED = Command("ann", "news")


@workflow.defn
class AListener:
    """Takes one word, and then ends."""

    def __init__(self) -> None:
        self._heard = ""

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: bool(self._heard))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._heard

    @workflow.update
    async def say(self, command: Command) -> None:
        self._heard = command.why


@dataclass(frozen=True)
class Stack:
    """Where the workflows are."""

    home: Path
    temporal_address: str = ""
    temporal_namespace: str = "default"
    temporal_keys: TemporalKeyFiles = NO_KEY_FILES
    codec: CodecFile = NO_CODEC
    database_url: str = ""
    rules: Rules = DEFAULT


def message(workflow_id: str) -> Message:
    return Message(workflow_id, "say", ASKED, "saying something")


async def test_a_running_workflow_is_told(temporal_client: Client, tmp_path: Path) -> None:
    address = temporal_client.service_client.config.target_host
    client = await connect(Stack(tmp_path, address))
    async with Worker(
        temporal_client,
        task_queue="told",
        workflows=[AListener],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await temporal_client.start_workflow(
            AListener.run, id="a-listener", task_queue="told"
        )
        await tell(client, message("a-listener"), str)
        assert await handle.result() == "news"
    with pytest.raises(InquireError, match="gone"):
        await tell(client, message("a-listener"), lambda words: f"gone: {words}")


async def test_where_nobody_is_told_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(InquireError, match="set WHALECOPY_HOME or TEMPORAL_ADDRESS"):
        await connect(Stack(tmp_path))
    with pytest.raises(InquireError, match=r"127\.0\.0\.1:1 does not answer"):
        await connect(Stack(tmp_path, "127.0.0.1:1"))
