"""Tests of the embedded Temporal server."""

import asyncio
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from embedded import temporal
from embedded.errors import ServiceFailedError
from embedded.ports import LOOPBACK, free_port
from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import ProcessEventKind as Kind
from embedded.temporal import TemporalPorts, choose_ports, temporal_service
from tests.embedded.programs import Events, until


@workflow.defn
class Waiter:
    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._is_told)
        return "told"

    @workflow.init
    def __init__(self) -> None:
        self._is_told = False

    @workflow.signal
    def tell(self) -> None:
        self._is_told = True


async def test_an_open_workflow_outlives_the_server_being_killed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    events = Events()
    supervisor = Supervisor(SupervisorSettings(tmp_path / "logs"), events)
    await supervisor.open()
    ports = TemporalPorts(free_port(), free_port())
    try:
        await supervisor.start(temporal_service(tmp_path, ports, "whales"))
        client = await Client.connect(ports.address, namespace="whales")
        handle = await client.start_workflow(Waiter.run, id="waiter", task_queue="temporal")
        page = await asyncio.to_thread(urllib.request.urlopen, ports.ui_url)
        assert page.status == 200
        page.close()

        os.kill(supervisor.pids["temporal"], signal.SIGKILL)
        await until(lambda: events.kinds("temporal").count(Kind.READY) == 2, "it is ready again")
        runner = UnsandboxedWorkflowRunner()
        async with Worker(
            client,
            task_queue="temporal",
            workflows=[Waiter],
            workflow_runner=runner,
            build_id="test",
        ):
            await handle.signal(Waiter.tell)
            assert await asyncio.wait_for(handle.result(), 30) == "told"
    finally:
        await supervisor.stop()
    modes = (tmp_path / "temporal" / "temporal.db").read_bytes()[18:20]
    assert modes == b"\x02\x02"  # the file format's mark of write-ahead logging


async def test_a_taken_port_is_told_at_once(tmp_path: Path) -> None:
    supervisor = Supervisor(SupervisorSettings(tmp_path), Events())
    await supervisor.open()
    with socket.create_server((LOOPBACK, 0)) as taken:
        ports = TemporalPorts(taken.getsockname()[1], free_port())
        with pytest.raises(ServiceFailedError, match="address already in use"):
            await supervisor.start(temporal_service(tmp_path, ports, "default"))
    await supervisor.stop()


def test_other_ports_are_chosen_when_the_usual_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        monkeypatch.setattr(temporal, "PORT", taken.getsockname()[1])
        ports = choose_ports()
        assert ports.grpc != taken.getsockname()[1]
    assert ports.address == f"127.0.0.1:{ports.grpc}"
    assert ports.ui_url == f"http://127.0.0.1:{ports.ui}"


async def test_a_closed_port_is_not_healthy() -> None:
    with pytest.raises(ConnectionRefusedError):
        await temporal.is_healthy(f"127.0.0.1:{free_port()}", "default")
