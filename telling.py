"""Tells a running workflow something, and says in a person's words why it could not."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from codec_keys import CodecFile
from embedded.addresses import load_addresses
from embedded.errors import UnreachableError
from embedded.temporal_keys import TemporalKeyFiles
from inquire import InquireError, Stack
from temporal_access import connect_temporal

CONNECT_TIMEOUT_S = 10.0
UPDATE_TIMEOUT = timedelta(seconds=10)


class OperatedStack(Stack, Protocol):
    """A stack whose workflows can be told something."""

    @property
    def temporal_address(self) -> str:
        """Return Temporal's host and port, "" for the embedded one."""

    @property
    def temporal_namespace(self) -> str:
        """Return the namespace of its workflows."""

    @property
    def temporal_keys(self) -> TemporalKeyFiles:
        """Return where the keys of a connection to it lie."""

    @property
    def codec(self) -> CodecFile:
        """Return where the keys lie that encrypt what it keeps."""


@dataclass(frozen=True, slots=True)
class Message:
    """One update of one workflow; `subject` names for a person what is told what."""

    workflow_id: str
    update: str
    content: object
    subject: str


async def connect(settings: OperatedStack) -> Client:
    """Reach the Temporal of a stack.

    Raises:
        InquireError: no stack runs, or its Temporal does not answer.
    """
    address = _temporal_of(settings)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await connect_temporal(settings, address=address)
    except (UnreachableError, RuntimeError, RPCError, TimeoutError) as error:
        raise InquireError(f"Temporal at {address} does not answer: {error}") from error


async def tell(client: Client, message: Message, not_running: Callable[[str], str]) -> None:
    """Send an update and wait until it is taken; `not_running` explains that nobody is there.

    Raises:
        InquireError: it was refused, or nobody took it.
    """
    handle = client.get_workflow_handle(message.workflow_id)
    try:
        await handle.execute_update(message.update, message.content, rpc_timeout=UPDATE_TIMEOUT)
    except WorkflowUpdateFailedError as error:
        raise InquireError(f"{message.subject} is refused: {_words_of(error)}") from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise InquireError(_unanswered(message)) from error
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise InquireError(f"Temporal refused {message.subject}: {error}") from error
        raise InquireError(not_running(error.message)) from error


def _temporal_of(settings: OperatedStack) -> str:
    if settings.temporal_address:
        return settings.temporal_address
    addresses = load_addresses(settings.home)
    if addresses is None or not addresses.temporal_address:
        raise InquireError(
            f"no stack runs on {settings.home}: set WHALECOPY_HOME or TEMPORAL_ADDRESS"
        )
    return addresses.temporal_address


def _words_of(error: WorkflowUpdateFailedError) -> str:
    """Return what the workflow said, without the kind of its error."""
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause)


def _unanswered(message: Message) -> str:
    """Say that the command may still be taken: a worker that comes back finds it."""
    within = f"within {UPDATE_TIMEOUT.seconds} s"
    return f"no worker took {message.subject} {within}; it may still be taken"
