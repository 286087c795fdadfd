"""Runs Temporal's own development server on a database file, tuned for one busy machine."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from embedded.binaries import find_temporal
from embedded.ports import LOOPBACK, free_port
from embedded.services import Service, Stage
from embedded.temporal_client import connect

NAME = "temporal"
PORT = 7233
UI_PORT = 8233
RETENTION = timedelta(hours=720)
# The server's single shard hands out each task at the next of 20 polls a second, and a timer
# shorter than a second fires a second late, unless told otherwise: 392 ms against 60 for a
# workflow of four activities.
DYNAMIC_CONFIG: Mapping[str, str] = {
    "history.transferProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxTimeShift": '"10ms"',
}
# Write-ahead logging makes bursts two to five times faster than the default journal.
SQLITE_PRAGMAS: Mapping[str, str] = {"journal_mode": "wal", "synchronous": "normal"}


@dataclass(frozen=True, slots=True)
class TemporalPorts:
    """The ports one start of the server listens on, both on the loopback address."""

    grpc: int
    ui: int

    @property
    def address(self) -> str:
        """Host and port for clients and workers."""
        return f"{LOOPBACK}:{self.grpc}"

    @property
    def ui_url(self) -> str:
        """Where a person looks."""
        return f"http://{LOOPBACK}:{self.ui}"


def choose_ports() -> TemporalPorts:
    """Take the usual ports if nothing listens there, and any free ones otherwise."""
    return TemporalPorts(free_port(PORT), free_port(UI_PORT))


def temporal_service(
    home: Path, ports: TemporalPorts, namespace: str, ui_codec_url: str = ""
) -> Service:
    """Describe the server, with its UI and its database file under `home`.

    Its UI asks `ui_codec_url` to decode what is encrypted; a command line can be read by
    everybody, so no token belongs into that address.

    The namespace is made at the first start. The server says nothing below a warning.
    """
    folder = home / NAME
    folder.mkdir(exist_ok=True, mode=0o700)
    command = (
        *(str(find_temporal()), "server", "start-dev", "--ip", LOOPBACK),
        *("--port", str(ports.grpc), "--ui-ip", LOOPBACK, "--ui-port", str(ports.ui)),
        *("--namespace", namespace, "--db-filename", str(folder / "temporal.db")),
        *_pairs("--sqlite-pragma", SQLITE_PRAGMAS),
        *_pairs("--dynamic-config-value", DYNAMIC_CONFIG),
        *("--log-level", "warn", "--log-format", "json", "--ui-disable-news-fetch"),
        *("--disable-config-file", "--disable-config-env"),
        *(("--ui-codec-endpoint", ui_codec_url) if ui_codec_url else ()),
    )
    return Service(
        name=NAME,
        command=command,
        env={"HOME": str(folder), "PATH": os.defpath, "TZ": "UTC"},
        ready=lambda: is_healthy(ports.address, namespace),
        stage=Stage.SERVER,
        stop_timeout_s=10.0,
        ready_timeout_s=60.0,
        cwd=folder,
    )


async def is_healthy(address: str, namespace: str) -> bool:
    """Tell whether the server listens, calls itself healthy and knows the namespace."""
    host, _, port = address.rpartition(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return await connect(address, namespace) is not None


def _pairs(flag: str, values: Mapping[str, str]) -> list[str]:
    return [word for key, value in values.items() for word in (flag, f"{key}={value}")]
