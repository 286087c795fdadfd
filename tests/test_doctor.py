"""The doctor looks at everything that trading needs, and keeps live trading from beginning."""

import asyncio
import json
import os
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from account import USER_FILE, open_account, open_wallet, wallet_file
from doctor import UnfitError, admit, run_doctor
from doctor_findings import LIMIT_S, Examination, Finding, Level
from doctor_page import as_json
from embedded.addresses import Addresses
from embedded.home import HomeLock
from embedded.postgres import PostgresSettings, prepare_postgres
from embedded.processes import Supervisor
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.wallets import generate_wallet
from launch import ROOT, _examine
from settings import Settings, TradingMode
from signer.frames import Document
from signer.server import SocketPlace, serving
from storage.clearing import list_halts
from storage.migrate import migrate
from storage.postgres import PostgresStore
from tests.exchange.venue_process import running_venue
from tests.storage.builders import NOW, WALLET, bought, market, usd
from trading.rules import RiskRules
from trading.types import SignatureType

NOWHERE = "127.0.0.1:9"


@pytest_asyncio.fixture(scope="module")
async def venue(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VenueAccess]:
    async with running_venue(tmp_path_factory.mktemp("venue"), "--speed", "0.2") as access:
        yield access


@pytest_asyncio.fixture(scope="module")
async def durable_url(servers: Supervisor, servers_home: Path) -> AsyncIterator[str]:
    """A migrated database of a server that keeps what it has committed."""
    home = servers_home / "durable"
    (home / "logs").mkdir(parents=True)
    server = await prepare_postgres(PostgresSettings(home))
    await servers.start(replace(server.service, name="postgres-durable"))
    await server.create_database("whalecopy")
    await migrate(server.url("whalecopy"))
    yield server.url("whalecopy")
    await servers.remove("postgres-durable")


@dataclass
class Clinic:
    """Live settings of which everything is right, to make one thing wrong at a time."""

    given: dict[str, object]

    def settings(self, **changes: object) -> Settings:
        settings = Settings.model_validate({**self.given, **changes})
        assert isinstance(settings, Settings)
        return settings

    async def examine(self, **changes: object) -> Examination:
        return (await run_doctor(self.settings(**changes)))[0]

    async def find(self, subject: str, **changes: object) -> Finding:
        found = [f for f in (await self.examine(**changes)).findings if f.subject == subject]
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
async def clinic(
    venue: VenueAccess,
    durable_url: str,
    valkey_url: str,
    temporal_env: WorkflowEnvironment,
    tmp_path: Path,
) -> AsyncIterator[Clinic]:
    home, key_file = tmp_path / "home", tmp_path / "key"
    home.mkdir(mode=0o700)
    wallet = generate_wallet(SignatureType.POLY_1271)
    key_file.write_text(wallet.private_key.get_secret_value())
    key_file.chmod(0o400)
    points = venue.endpoints
    yield Clinic(
        {
            "TRADING_MODE": "live",
            "LIVE_TRADING": "yes",
            "DATABASE_URL": durable_url,
            "REDIS_URL": valkey_url,
            "TEMPORAL_ADDRESS": temporal_env.client.service_client.config.target_host,
            "home": home,
            "private_key_file": key_file,
            "clob_url": points.clob,
            "gamma_url": points.gamma,
            "data_url": points.data,
            "ws_market_url": points.ws_market,
            "ws_user_url": points.ws_user,
            "rtds_url": points.rtds,
            "rpc_http_urls": points.rpc_http,
            "rpc_ws_urls": points.rpc_ws,
            "relayer_url": f"{points.clob}/relayer",
        }
    )
    await plan(venue)


async def keep_user(clinic: Clinic, venue: VenueAccess) -> None:
    """Derive the API user and keep it, as a worker does at its start."""
    await open_account(clinic.settings(TRADING_MODE="paper"), venue)


async def plan(venue: VenueAccess, *rules: dict[str, str]) -> None:
    url = f"{venue.endpoints.clob}/_paper/faults"
    async with venue.session.post(url, json={"rules": list(rules)}) as answer:
        assert answer.status == 200, await answer.text()


async def test_a_sound_stack_has_nothing_red_and_live_trading_may_begin(clinic: Clinic) -> None:
    found = await clinic.examine()
    assert found.of(Level.RED) == [], [each.describe() for each in found.of(Level.RED)]
    ambers = {each.subject for each in found.of(Level.AMBER)}
    assert ambers <= {"nodes", "api user", "namespace", "disk"}
    for subject in ("geoblock", "allowances", "schema", "durability", "search attributes", "rtds"):
        assert subject in {each.subject for each in found.of(Level.GREEN)}
    assert as_json(found)["fit"] is True
    await admit(clinic.settings(), holds_key=True)


async def test_who_only_listens_needs_no_key_but_the_api_user(
    clinic: Clinic, venue: VenueAccess
) -> None:
    listening = clinic.settings(private_key_file=None)
    with pytest.raises(UnfitError, match=r"account: .*start a worker first"):
        await admit(listening, holds_key=False)
    await keep_user(clinic, venue)
    await admit(listening, holds_key=False)
    with pytest.raises(UnfitError, match="key file: expected a key for live trading"):
        await admit(listening, holds_key=True)


async def test_live_trading_does_not_begin_where_the_venue_takes_no_orders(
    clinic: Clinic, venue: VenueAccess
) -> None:
    blocked = {"at": "account", "fault": "geoblocked", "text": "KP"}
    await plan(venue, blocked, {"at": "account", "fault": "closed_only"})
    with pytest.raises(UnfitError) as refused:
        await admit(clinic.settings(), holds_key=True)
    assert "geoblock: " in str(refused.value)
    assert "from KP" in str(refused.value)
    assert "closed-only: " in str(refused.value)
    await admit(clinic.settings(TRADING_MODE="paper"), holds_key=True)  # paper asks nobody


async def test_exchanges_that_may_take_nothing_are_red(clinic: Clinic, venue: VenueAccess) -> None:
    await plan(venue, {"at": "account", "fault": "no_allowance"})
    assert (await clinic.find("allowances")).level is Level.RED


async def test_a_key_that_others_may_read_is_red(clinic: Clinic) -> None:
    key_file = clinic.given["private_key_file"]
    assert isinstance(key_file, Path)
    key_file.chmod(0o440)
    found = await clinic.find("key file")
    assert found.level is Level.RED
    assert found.advice == f"chmod 0400 {key_file}"


async def test_a_key_of_another_wallet_is_red_and_never_shown(clinic: Clinic) -> None:
    key_file = clinic.given["private_key_file"]
    assert isinstance(key_file, Path)
    found = await clinic.examine(funder="0x" + "22" * 20)
    assert [each.subject for each in found.of(Level.RED)] == ["keys", "account"]
    assert "WHALECOPY_FUNDER" in found.of(Level.RED)[0].found
    assert key_file.read_text() not in json.dumps(as_json(found))


async def test_a_database_that_forgets_or_is_not_migrated_is_red(
    clinic: Clinic, empty_database_url: str
) -> None:
    found = await clinic.examine(DATABASE_URL=empty_database_url)
    assert {each.subject for each in found.of(Level.RED)} == {"schema", "durability"}


@pytest.mark.parametrize(
    ("name", "address", "subject"),
    [
        ("DATABASE_URL", f"postgresql://u:hidden@{NOWHERE}/w", "database"),
        ("REDIS_URL", f"redis://:hidden@{NOWHERE}/0", "redis"),
        ("TEMPORAL_ADDRESS", NOWHERE, "temporal"),
        ("clob_url", f"http://{NOWHERE}", "order book"),
        ("ws_market_url", f"ws://{NOWHERE}", "market stream"),
    ],
)
async def test_what_cannot_be_reached_is_red_by_its_name_and_shows_no_password(
    clinic: Clinic, name: str, address: str, subject: str
) -> None:
    found = await clinic.find(subject, **{name: address})
    assert found.level is Level.RED
    assert found.advice
    assert "hidden" not in found.describe()


async def test_who_never_answers_costs_five_seconds_and_holds_up_nobody(clinic: Clinic) -> None:
    async def keep_silent(_reader: StreamReader, writer: StreamWriter) -> None:
        writers.append(writer)

    writers: list[StreamWriter] = []
    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    silent = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    began = time.perf_counter()
    wrong = {"DATABASE_URL": f"postgresql://{silent}/w", "TEMPORAL_ADDRESS": silent}
    found = await clinic.examine(rtds_url=f"ws://{silent}", relayer_url=f"http://{silent}", **wrong)
    assert time.perf_counter() - began < 4 * LIMIT_S  # the rest of it is this machine's
    for writer in writers:
        writer.close()
    server.close()
    levels = {each.subject: each.level for each in found.findings}
    assert levels["rtds"] is levels["relayer"] is Level.AMBER
    assert levels["database"] is levels["temporal"] is Level.RED
    assert levels["order book"] is Level.GREEN


async def test_without_a_stack_nothing_is_red_and_nothing_is_made(tmp_path: Path) -> None:
    nowhere = f"http://{NOWHERE}"
    urls = dict.fromkeys(("clob_url", "gamma_url", "data_url", "relayer_url"), nowhere)
    sockets = dict.fromkeys(("ws_market_url", "ws_user_url", "rtds_url"), f"ws://{NOWHERE}")
    nodes = {"rpc_http_urls": (nowhere,), "rpc_ws_urls": (f"ws://{NOWHERE}",)}
    asked = {"home": tmp_path / "none", **urls, **sockets, **nodes}
    settings = Settings.model_validate(asked)
    found, words = await run_doctor(settings)
    assert found.is_fit
    assert "nothing is red" in words
    assert not settings.home.exists()
    assert not wallet_file(settings).exists()


async def test_the_lock_of_a_running_stack_is_seen(clinic: Clinic) -> None:
    home = clinic.given["home"]
    assert isinstance(home, Path)
    lock = HomeLock(home)
    await lock.take()
    try:
        assert (await clinic.find("lock")).found == f"held by process {os.getpid()}"
    finally:
        lock.release()
    assert "no stack runs" in (await clinic.find("lock")).found


def environment_of(clinic: Clinic) -> dict[str, str]:
    """Write the settings as a process of ours reads them."""

    def written(given: object) -> str:
        return json.dumps(given) if isinstance(given, tuple) else str(given)

    return os.environ | {
        name if name.isupper() else f"WHALECOPY_{name.upper()}": written(given)
        for name, given in clinic.given.items()
    }


@pytest.mark.parametrize("words", [("worker.py",), ("-m", "ingest")])
async def test_a_process_in_live_mode_ends_and_names_what_is_red(
    clinic: Clinic, venue: VenueAccess, words: tuple[str, ...]
) -> None:
    await keep_user(clinic, venue)
    await plan(venue, {"at": "account", "fault": "geoblocked", "text": "KP"})
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, env=environment_of(clinic), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, told = await process.communicate()
    assert process.returncode == 1
    assert "geoblock: expected a place orders are taken from" in told.decode()
    assert "from KP; trade from where the venue allows it" in told.decode()


async def test_the_whole_stack_does_not_go_live_while_something_is_red(
    clinic: Clinic, venue: VenueAccess
) -> None:
    given = {name: str(clinic.given[name]) for name in ("DATABASE_URL", "REDIS_URL")}
    temporal = str(clinic.given["TEMPORAL_ADDRESS"])
    addresses = Addresses(given["DATABASE_URL"], given["REDIS_URL"], temporal, None)
    settings = clinic.settings(TRADING_MODE="paper", DATABASE_URL="", REDIS_URL="")
    await _examine(addresses, settings, TradingMode.LIVE)
    await plan(venue, {"at": "account", "fault": "closed_only"})
    await _examine(addresses, settings, TradingMode.REPLAY)
    with pytest.raises(UnfitError, match="closed-only"):
        await _examine(addresses, settings, TradingMode.LIVE)


@asynccontextmanager
async def a_signer(clinic: Clinic, socket: Path) -> AsyncIterator[None]:
    """A signer of the clinic's key, which only says whom it signs for."""
    wallet = open_wallet(clinic.settings())

    async def answer(asked: Document) -> Document:
        assert asked == {"ask": "account"}
        kind = int(wallet.signature_type)
        return {"ok": {"address": wallet.signer, "funder": wallet.funder, "signature_type": kind}}

    async with serving(SocketPlace(socket, frozenset({os.geteuid()})), answer):
        yield


async def test_a_signer_is_asked_whom_it_signs_for(
    clinic: Clinic, venue: VenueAccess, tmp_path: Path
) -> None:
    await keep_user(clinic, venue)
    socket = tmp_path / "signer" / "s"
    socket.parent.mkdir()
    signing = {"signer_socket": socket, "private_key_file": None}
    async with a_signer(clinic, socket):
        await admit(clinic.settings(**signing), holds_key=True)
        assert (await clinic.find("signer's socket", **signing)).level is Level.GREEN
        assert (await clinic.find("signer's socket", signer_socket=socket)).level is Level.AMBER
        assert (await clinic.find("session key", **signing)).level is Level.AMBER
        other = await clinic.find("signer", **signing, funder="0x" + "22" * 20)
        assert other.level is Level.RED
        socket.chmod(0o666)
        assert (await clinic.find("signer's socket", **signing)).level is Level.RED
    with pytest.raises(UnfitError, match="keys: "):
        await admit(clinic.settings(**signing), holds_key=True)


async def test_with_positions_open_it_begins_for_their_exits_alone(
    clinic: Clinic, venue: VenueAccess, durable_url: str
) -> None:
    await keep_user(clinic, venue)
    store = PostgresStore(durable_url, RiskRules(), WALLET, pool_size=2)
    kept = clinic.given["home"] / USER_FILE  # type: ignore[operator]
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "funder": WALLET}))
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    await store.acquire_lease(WALLET, "us", NOW)
    await store.save_market(market(), NOW)
    await plan(venue, {"at": "account", "fault": "geoblocked", "text": "KP"})
    with pytest.raises(UnfitError):
        await admit(clinic.settings(), holds_key=False)
    await bought(store)
    await admit(clinic.settings(), holds_key=False)
    (halt,) = await list_halts(store)
    assert halt.key == WALLET
    assert halt.reason.startswith("begun for exits only: geoblock: expected a place")
    await store.close()
