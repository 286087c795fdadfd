"""What each process of a stack is given: the settings of all, without secrets it does not use."""

import os
from collections.abc import Mapping
from enum import StrEnum


class Process(StrEnum):
    """The processes that `whalecopy up` starts with settings."""

    WORKER = "worker"
    INGEST = "ingest"
    DASHBOARD = "dashboard"
    CODEC = "codec"
    PAPER = "paper"
    SIGNER = "signer"


_KEY = frozenset(
    {
        "WHALECOPY_PRIVATE_KEY",
        "WHALECOPY_PRIVATE_KEY_FILE",
        "WHALECOPY_SIGNER_KEY_FILE",
        "WHALECOPY_SIGNER_DATABASE_URL",
    }
)
_KEYS = _KEY | {"WHALECOPY_RELAYER_API_KEY"}
_NODES = frozenset({"WHALECOPY_RPC_HTTP_URLS", "WHALECOPY_RPC_WS_URLS"})
_SERVERS = frozenset({"DATABASE_URL", "REDIS_URL"})
_WITHOUT: Mapping[Process, frozenset[str]] = {
    Process.WORKER: _KEY,
    Process.INGEST: _KEYS,
    Process.DASHBOARD: _KEYS | _NODES | {"REDIS_URL"},
    Process.CODEC: _KEYS | _NODES | _SERVERS,
    Process.PAPER: _KEYS | _NODES | _SERVERS,
    Process.SIGNER: _NODES | {"REDIS_URL", "WHALECOPY_RELAYER_API_KEY"},
}


def environment_for(process: Process, env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what this process has no use for; names count in any case."""
    hidden = {name.upper() for name in _WITHOUT[process]}
    return {name: setting for name, setting in env.items() if name.upper() not in hidden}


def bare_environment() -> dict[str, str]:
    """Return our own environment for a process that takes everything as arguments."""
    return environment_for(Process.PAPER, {**os.environ, "PYTHONUNBUFFERED": "1"})
