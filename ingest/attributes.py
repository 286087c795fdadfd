"""Tells Temporal the search attributes that our workflows carry, should it have lost them."""

from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows import names

RPC_TIMEOUT = timedelta(seconds=5)


async def register_attributes(client: Client) -> bool:
    """Register what is missing; return False when nothing was. A new database knows none."""
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    missing = names.SEARCH_ATTRIBUTES.keys() - listed.custom_attributes.keys()
    if not missing:
        return False
    kinds = {name: names.SEARCH_ATTRIBUTES[name] for name in sorted(missing)}
    request = AddSearchAttributesRequest(
        namespace=client.namespace,
        search_attributes={
            name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
            for name, kind in kinds.items()
        },
    )
    try:
        await client.operator_service.add_search_attributes(request, timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another worker was first
            raise
    return True
