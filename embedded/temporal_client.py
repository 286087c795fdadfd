"""Asks a Temporal server whether it works, and teaches it what our workflows need.

The client is imported when it is first used, in a thread: it takes half a second, which passes
while the servers start.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING

from embedded.errors import ServiceFailedError
from embedded.temporal_keys import NO_KEYS, TemporalKeys, refuse_stranger

if TYPE_CHECKING:  # nothing here is a payload type
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.client import Client

RPC_TIMEOUT = timedelta(seconds=5)
VISIBLE_TIMEOUT_S = 20.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class NamespaceNeeds:
    """What a namespace must have.

    Attributes:
        search_attributes: name to type (`Keyword`, `Text`, `Int`, `Double`, `Bool`, `Datetime`,
            `KeywordList`).
        retention: how long closed workflows are kept; None leaves it as it is.
    """

    search_attributes: Mapping[str, str]
    retention: timedelta | None


async def connect(address: str, namespace: str, keys: TemporalKeys = NO_KEYS) -> "Client | None":
    """Connect to a healthy server that knows the namespace; None while there is none.

    Raises:
        UnreachableError: the server is not who it should be, or does not believe that we are us.
    """
    await _import_client()
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.client import Client
    from temporalio.service import RPCError

    try:
        client = await Client.connect(
            address, namespace=namespace, tls=keys.tls, api_key=keys.api_key
        )
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace), timeout=RPC_TIMEOUT
        )
    except (RuntimeError, RPCError) as error:
        refuse_stranger(error, address)
        return None  # RuntimeError: the port is open, the frontend not healthy yet
    return client


async def prepare_namespace(
    address: str, namespace: str, needs: NamespaceNeeds, keys: TemporalKeys = NO_KEYS
) -> None:
    """Register missing search attributes and set the retention; may be done at every start.

    The server's own start flag for attributes is heeded only when it makes its database file.

    Raises:
        ServiceFailedError: no answer, an attribute of another type, or no right to add one.
    """
    client = await connect(address, namespace, keys)
    if client is None:
        raise ServiceFailedError(f"Temporal at {address} does not serve namespace {namespace!r}")
    from temporalio.service import RPCError

    try:
        async with asyncio.timeout(VISIBLE_TIMEOUT_S):
            await _register(client, needs.search_attributes)
            if needs.retention is not None:
                await _keep_closed(client, needs.retention)
    except (RPCError, TimeoutError) as error:
        raise ServiceFailedError(
            f"Temporal at {address} refused to prepare namespace {namespace!r}: {error}"
        ) from error


async def _register(client: "Client", wanted: Mapping[str, str]) -> None:
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest

    missing = await _missing(client, wanted)
    if not missing:
        return
    from temporalio.service import RPCError, RPCStatusCode

    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes={name: _type_number(kind) for name, kind in missing.items()},
            ),
            timeout=RPC_TIMEOUT,
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another stack was first
            raise
    while await _missing(client, wanted):  # noqa: ASYNC110 - a server sets no event
        await asyncio.sleep(POLL_S)


async def _missing(client: "Client", wanted: Mapping[str, str]) -> dict[str, str]:
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    known = answer.custom_attributes
    for name in wanted.keys() & known.keys():
        if known[name] != _type_number(wanted[name]):
            raise ServiceFailedError(
                f"Temporal's search attribute {name} has another type than {wanted[name]}"
            )
    return {name: kind for name, kind in wanted.items() if name not in known}


async def _keep_closed(client: "Client", retention: timedelta) -> None:
    from google.protobuf.duration_pb2 import Duration
    from temporalio.api.namespace.v1 import NamespaceConfig
    from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest

    duration = Duration(seconds=int(retention.total_seconds()))
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=client.namespace,
            config=NamespaceConfig(workflow_execution_retention_ttl=duration),
        ),
        timeout=RPC_TIMEOUT,
    )


def _type_number(kind: str) -> "IndexedValueType.ValueType":
    from temporalio.api.enums.v1 import IndexedValueType

    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).upper()
    try:
        return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{words}")
    except ValueError as error:
        raise ServiceFailedError(f"Temporal has no search attribute type {kind}") from error


async def _import_client() -> ModuleType:
    import importlib

    return await asyncio.to_thread(importlib.import_module, "temporalio.client")
