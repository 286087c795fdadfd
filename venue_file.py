"""Where the venue of a running stack is, for commands in other processes of this home."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from exchange.polymarket.endpoints import VenueEndpoints

FILE_NAME = "venue.json"


def local_venue(port: int) -> VenueEndpoints:
    """Return where a local venue answers that was started on a port."""
    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    return VenueEndpoints(
        clob=http,
        gamma=f"{http}/gamma",
        data=f"{http}/data",
        ws_market=f"{ws}/ws/market",
        ws_user=f"{ws}/ws/user",
        rtds=f"{ws}/rtds",
        rpc_http=(f"{http}/rpc",),
        rpc_ws=(f"{ws}/rpc",),
        relayer=f"{http}/relayer",
    )


def save_venue(home: Path, endpoints: VenueEndpoints) -> None:
    """Leave word of a venue that only this stack knows; the file is replaced whole."""
    path = home / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(endpoints)))
    fresh.replace(path)


def load_venue(home: Path) -> VenueEndpoints | None:
    """Read where the stack's own venue is; None when it has none."""
    try:
        kept: Mapping[str, str] = json.loads((home / FILE_NAME).read_text())
    except FileNotFoundError:
        return None
    return VenueEndpoints(
        clob=kept["clob"],
        gamma=kept["gamma"],
        data=kept["data"],
        ws_market=kept["ws_market"],
        ws_user=kept["ws_user"],
        rtds=kept["rtds"],
        rpc_http=tuple(kept["rpc_http"]),
        rpc_ws=tuple(kept["rpc_ws"]),
        relayer=kept["relayer"],
    )


def forget_venue(home: Path) -> None:
    """Take the word back: the venue is the one of the settings."""
    (home / FILE_NAME).unlink(missing_ok=True)
