"""Tests of preparing a namespace."""

import uuid
from datetime import timedelta

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment

from embedded.errors import ServiceFailedError
from embedded.ports import free_port
from embedded.temporal_client import NamespaceNeeds, connect, prepare_namespace

NAME = f"Test{uuid.uuid4().hex[:8]}"


def _address(client: Client) -> str:
    return client.service_client.config.target_host


async def test_attributes_can_be_used_once_they_are_registered(temporal_client: Client) -> None:
    needs = NamespaceNeeds({NAME: "KeywordList", f"{NAME}Usd": "Double"}, None)
    await prepare_namespace(_address(temporal_client), "default", needs)
    await prepare_namespace(_address(temporal_client), "default", needs)
    key = SearchAttributeKey.for_float(f"{NAME}Usd")
    handle = await temporal_client.start_workflow(
        "Nothing",
        id=NAME,
        task_queue="nobody",
        search_attributes=TypedSearchAttributes([SearchAttributePair(key, 1.5)]),
    )
    assert (await handle.describe()).typed_search_attributes.get(key) == 1.5
    await handle.terminate()


async def test_retention_is_set(temporal_client: Client) -> None:
    needs = NamespaceNeeds({}, timedelta(hours=720))
    await prepare_namespace(_address(temporal_client), "default", needs)
    answer = await temporal_client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="default")
    )
    assert answer.config.workflow_execution_retention_ttl.seconds == 720 * 3600


async def test_an_attribute_of_another_type_is_refused(temporal_client: Client) -> None:
    with pytest.raises(ServiceFailedError, match="Whale has another type than Int"):
        await prepare_namespace(
            _address(temporal_client), "default", NamespaceNeeds({"Whale": "Int"}, None)
        )


async def test_a_type_that_does_not_exist_is_refused(temporal_client: Client) -> None:
    with pytest.raises(ServiceFailedError, match="no search attribute type Money"):
        await prepare_namespace(
            _address(temporal_client), "default", NamespaceNeeds({"Price": "Money"}, None)
        )


async def test_an_unknown_namespace_is_refused(temporal_client: Client) -> None:
    assert await connect(_address(temporal_client), "nowhere") is None
    with pytest.raises(ServiceFailedError, match="does not serve namespace 'nowhere'"):
        await prepare_namespace(_address(temporal_client), "nowhere", NamespaceNeeds({}, None))


async def test_a_server_that_cannot_do_it_is_named(time_skipping_env: WorkflowEnvironment) -> None:
    address = _address(time_skipping_env.client)
    with pytest.raises(ServiceFailedError, match=r"refused to prepare.*unimplemented"):
        await prepare_namespace(address, "default", NamespaceNeeds({"A": "Int"}, None))


async def test_nobody_there_is_no_client() -> None:
    assert await connect(f"127.0.0.1:{free_port()}", "default") is None
