"""Tests of the embedded Valkey."""

import os
import signal
from pathlib import Path

from redis.asyncio import Redis

from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import ProcessEventKind as Kind
from embedded.valkey import valkey_service
from tests.embedded.programs import Events, until


async def test_it_answers_is_started_again_and_keeps_nothing(tmp_path: Path) -> None:
    home, events = tmp_path, Events()
    supervisor = Supervisor(SupervisorSettings(home), events)
    await supervisor.open()
    try:
        service, url = valkey_service(home)
        await supervisor.start(service)
        client = Redis.from_url(url)
        await client.set("key", "value")
        assert (await client.config_get("maxmemory-policy")) == {"maxmemory-policy": "allkeys-lru"}
        os.kill(supervisor.pids["valkey"], signal.SIGKILL)
        await until(lambda: events.kinds("valkey").count(Kind.READY) == 2, "it is ready again")
        assert await client.dbsize() == 0
        await client.aclose()
    finally:
        await supervisor.stop()
