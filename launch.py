"""Brings the whole stack up, shows how it trades, and ends with a report: `whalecopy up`."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import aiohttp

from account import load_account
from codec_keys import CodecKeysError, KeyRing
from doctor import admit
from embedded.addresses import Addresses
from embedded.ports import free_port
from embedded.services import ProcessEvent, ProcessEventKind, Service, Stage
from embedded.stack import Stack, StackSettings
from launch_signer import SOCKET, name_socket, signer_service
from narrate import Narrator, Progress
from paper_mode import Footing, feeds_answer, find_footing, listener_environment, mirror_words
from report import Report, ReportSubject, make_report
from settings import Profile, Settings, TradingMode
from storage.migrate import migrate
from storage.postgres import PostgresStore
from storage.roles import Role, as_role, give_roles
from surroundings import Process, bare_environment, environment_for
from temporal_access import read_keys
from venue_file import forget_venue, local_venue, save_venue
from workflows.names import SEARCH_ATTRIBUTES

ROOT = Path(__file__).resolve().parent
PAPER_PORT = 8900
READY_TIMEOUT_S = 90.0  # a busy machine imports slowly
TIMEOUT = aiohttp.ClientTimeout(total=5)


class LaunchError(Exception):
    """The stack could not be brought up; the message says what to do."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the person asked of `whalecopy up`."""

    mode: TradingMode
    tape: Path | None
    speed: Decimal
    workers: int
    markets: int | None
    bankroll: Decimal
    resume: bool
    until_done: bool
    as_json: bool
    auto_redeem: bool = True  # by the local venue; else we redeem ourselves


@dataclass(frozen=True, slots=True)
class Running:
    """A running stack: where its parts are, and the environment of our processes."""

    stack: Stack
    addresses: Addresses
    env: Mapping[str, str]
    venue_url: str
    dashboard_url: str


async def up(options: UpOptions, settings: Settings) -> int:
    """Run until the tape is done (or for ever); return 0 only if the books balance."""
    narrator = Narrator(sys.stderr if options.as_json else sys.stdout)
    async with running_stack(options, settings, narrator) as running:
        wallet = load_account(settings).funder
        store = PostgresStore(running.addresses.database_url, settings.rules.risk, wallet)
        try:
            subject = ReportSubject(
                store=store,
                wallet=wallet,
                venue_url=running.venue_url,
                temporal_address=running.addresses.temporal_address,
                namespace=settings.temporal_namespace,
                mode=running.env["TRADING_MODE"],
                profile=running.env["WHALECOPY_PROFILE"],
                temporal_keys=settings.temporal_keys,
            )
            return await _watch(options, running, subject, narrator)
        finally:
            await store.close()


async def _watch(
    options: UpOptions, running: Running, subject: ReportSubject, narrator: Narrator
) -> int:
    await start_play(running)
    progress = Progress(subject.store, running.venue_url, narrator)
    failed = asyncio.create_task(running.stack.wait_failed())
    followed = asyncio.create_task(progress.follow(until_done=options.until_done))
    try:
        await asyncio.wait({failed, followed}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            raise failed.result()
        followed.result()
        report = await make_report(subject)
    finally:
        failed.cancel()
        followed.cancel()
    return _show(report, narrator, as_json=options.as_json)


def _show(report: Report, narrator: Narrator, *, as_json: bool) -> int:
    narrator.say_report(report)
    if as_json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
        sys.stdout.flush()
    return 0 if report.balances else 1


@asynccontextmanager
async def running_stack(
    options: UpOptions, settings: Settings, narrator: Narrator
) -> AsyncIterator[Running]:
    """Bring everything up, and down again at the end; a tape is held until `start_play`."""
    home = settings.home.absolute()
    footing = Footing(await _playable_mode(options, settings, narrator))
    codec_port = _codec_port(settings)
    stack = Stack(
        StackSettings(
            home=home,
            database_url=settings.database_url or None,
            redis_url=settings.redis_url or None,
            temporal_address=settings.temporal_address or None,
            temporal_namespace=settings.temporal_namespace,
            temporal_keys=read_keys(settings.temporal_keys),
            search_attributes=SEARCH_ATTRIBUTES,
            ui_codec_url=f"http://127.0.0.1:{codec_port}" if codec_port else "",
        ),
        on_event=lambda event: _tell(narrator, event),
    )
    narrator.say(f"starting PostgreSQL, Valkey and Temporal under {home} …")
    addresses = await stack.start()
    try:
        await migrate(addresses.database_url)
        if not settings.database_url:  # ours; on another server a person gives the rights
            await give_roles(addresses.database_url)
        if footing.mode is TradingMode.PAPER:
            footing = await find_footing(settings, addresses.database_url, narrator)
        running = await _start_processes(stack, addresses, options, settings, footing)
        if codec_port:
            await stack.add(_codec_service(codec_port, running.env))
        narrator.say_addresses(running.dashboard_url, addresses.temporal_ui_url, footing.mode)
        if codec_port:
            narrator.say("payloads in Temporal are encrypted: `whalecopy codec url`")
        yield running
    finally:
        narrator.say("stopping …")
        await stack.stop()


async def _playable_mode(options: UpOptions, settings: Settings, narrator: Narrator) -> TradingMode:
    """Return the mode that can be had: paper mode replays where the venue cannot be reached."""
    if options.mode is not TradingMode.PAPER:
        return options.mode
    if await feeds_answer(settings):
        return TradingMode.PAPER
    narrator.say("the public feeds cannot be reached: replaying the recorded tape")
    return TradingMode.REPLAY


async def _start_processes(
    stack: Stack,
    addresses: Addresses,
    options: UpOptions,
    settings: Settings,
    footing: Footing,
) -> Running:
    home, mode = settings.home.absolute(), footing.mode
    env = _environment(addresses, options, settings, mode)
    venue_url = settings.clob_url
    heard: Mapping[str, str] = {}  # where the listener listens besides the venue
    if mode is not TradingMode.LIVE:
        port = free_port(PAPER_PORT)
        venue_url = f"http://127.0.0.1:{port}"
        mirrored = mirror_words(settings) if mode is TradingMode.PAPER else ()
        await stack.add(_paper_service(home, port, options, mirrored))
        env |= _venue_environment(port)
        if mode is TradingMode.PAPER:
            heard = listener_environment(settings, footing.nodes)
        save_venue(home, local_venue(port))
    else:
        forget_venue(home)
    there = {"profile": Profile(env["WHALECOPY_PROFILE"]), "replay_speed": options.speed}
    await stack.add(signer_service(env, settings.model_copy(update=there)))
    await _prepare_account(environment_for(Process.WORKER, env))
    await _examine(addresses, settings, mode)
    dashboard_port = free_port(settings.dashboard_port)  # chosen late: nothing holds it for us
    env["WHALECOPY_DASHBOARD_PORT"] = str(dashboard_port)
    services = [
        _service("ingest", ("-m", "ingest"), environment_for(Process.INGEST, {**env, **heard})),
        _service(
            "dashboard",
            ("-m", "dashboard"),
            {**environment_for(Process.DASHBOARD, env), **_as_dashboard(addresses, settings)},
        ),
        *(
            _service(f"worker-{number}", ("worker.py",), environment_for(Process.WORKER, env))
            for number in range(1, options.workers + 1)
        ),
    ]
    async with asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(stack.add(service))
    return Running(stack, addresses, env, venue_url, f"http://127.0.0.1:{dashboard_port}")


def _environment(
    addresses: Addresses, options: UpOptions, settings: Settings, mode: TradingMode
) -> dict[str, str]:
    is_demo = mode is TradingMode.REPLAY and settings.profile is Profile.DEFAULT
    profile = Profile.REPLAY if is_demo else settings.profile
    ours = {
        "DATABASE_URL": addresses.database_url,
        "REDIS_URL": addresses.redis_url,
        "TEMPORAL_ADDRESS": addresses.temporal_address,
        "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        "TRADING_MODE": mode.value,
        "WHALECOPY_HOME": str(settings.home.absolute()),
        "WHALECOPY_PROFILE": profile.value,
        "WHALECOPY_REPLAY_SPEED": str(options.speed),
        "WHALECOPY_TEMPORAL_UI_URL": addresses.temporal_ui_url or "",
        "WHALECOPY_STACK_ID": _stack_id(settings.home),
        SOCKET: str(name_socket(settings.home.absolute(), os.environ)),
        "PYTHONUNBUFFERED": "1",
    }
    named = {
        "WHALECOPY_PRIVATE_KEY_FILE": settings.private_key_file,
        "WHALECOPY_CODEC_KEYS": settings.codec_keys,
        "WHALECOPY_TEMPORAL_TLS_CA": settings.temporal_tls_ca,
        "WHALECOPY_TEMPORAL_TLS_CERT": settings.temporal_tls_cert,
        "WHALECOPY_TEMPORAL_TLS_KEY": settings.temporal_tls_key,
        "WHALECOPY_TEMPORAL_API_KEY_FILE": settings.temporal_api_key_file,
    }  # from here; they run elsewhere
    files = {name: str(path.absolute()) for name, path in named.items() if path is not None}
    return {**os.environ, **ours, **files}


def _as_dashboard(addresses: Addresses, settings: Settings) -> Mapping[str, str]:
    """Let the page log in to our own database as who may read, and pull the switch."""
    if settings.database_url:
        return {}
    return {"DATABASE_URL": as_role(addresses.database_url, Role.DASHBOARD)}


def _stack_id(home: Path) -> str:
    """Return this home's name for the wallet's lease; the same one after a restart."""
    path = home / "stack-id"
    if not path.exists():
        path.write_text(uuid4().hex)
    return path.read_text()


def _venue_environment(port: int) -> dict[str, str]:
    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    return {
        "WHALECOPY_CLOB_URL": http,
        "WHALECOPY_GAMMA_URL": f"{http}/gamma",
        "WHALECOPY_DATA_URL": f"{http}/data",
        "WHALECOPY_WS_MARKET_URL": f"{ws}/ws/market",
        "WHALECOPY_WS_USER_URL": f"{ws}/ws/user",
        "WHALECOPY_RTDS_URL": f"{ws}/rtds",
        "WHALECOPY_RPC_HTTP_URLS": json.dumps([f"{http}/rpc"]),
        "WHALECOPY_RPC_WS_URLS": json.dumps([f"{ws}/rpc"]),
        "WHALECOPY_RELAYER_URL": f"{http}/relayer",
        "WHALECOPY_RELAYER_API_KEY": "local",  # the local venue takes any
    }


def _paper_service(
    home: Path, port: int, options: UpOptions, mirrored: Sequence[str] = ()
) -> Service:
    words = ["-m", "paper", "--port", str(port), "--home", str(home / "paper")]
    words += mirrored or _tape_words(options)
    words += ["--bankroll", str(options.bankroll)]
    words += [] if options.auto_redeem else ["--no-auto-redeem"]
    return Service(
        name="paper",
        command=(sys.executable, *words),
        env=bare_environment(),
        ready=lambda: _answers(f"http://127.0.0.1:{port}/ok"),
        stage=Stage.SERVER,  # it outlives those who still talk to it
        cwd=ROOT,
    )


def _tape_words(options: UpOptions) -> list[str]:
    words = ["--hold", "--speed", str(options.speed)]
    words += ["--tape", str(options.tape.absolute())] if options.tape is not None else []
    words += ["--markets", str(options.markets)] if options.markets is not None else []
    return words + (["--resume"] if options.resume else [])


def _service(name: str, words: tuple[str, ...], env: Mapping[str, str]) -> Service:
    port = free_port()
    return Service(
        name=name,
        command=(sys.executable, *words),
        env={**env, "WHALECOPY_METRICS_PORT": str(port)},
        ready=lambda: _answers(f"http://127.0.0.1:{port}/readyz"),
        ready_timeout_s=READY_TIMEOUT_S,
        cwd=ROOT,
    )


def _codec_port(settings: Settings) -> int:
    """Return where to decode for Temporal's UI, 0 when nothing is encrypted.

    Raises:
        LaunchError: the keys cannot be read.
    """
    if settings.codec.path is None:
        return 0
    try:
        KeyRing(settings.codec.path)
    except CodecKeysError as error:
        raise LaunchError(str(error)) from error
    return free_port(settings.codec_port)


def _codec_service(port: int, env: Mapping[str, str]) -> Service:
    return Service(
        name="codec",
        command=(sys.executable, "codec_server.py"),
        env={**environment_for(Process.CODEC, env), "WHALECOPY_CODEC_PORT": str(port)},
        ready=lambda: _answers(f"http://127.0.0.1:{port}/readyz"),
        ready_timeout_s=READY_TIMEOUT_S,
        cwd=ROOT,
    )


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _prepare_account(env: Mapping[str, str]) -> None:
    """Make the paper wallet and derive its API keys, once per home, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "worker.py"), "--prepare", env=dict(env), cwd=ROOT
    )
    if await process.wait():
        raise LaunchError("the trading account could not be prepared; the reason is above")


async def _examine(addresses: Addresses, settings: Settings, mode: TradingMode) -> None:
    """Let live trading begin only when nothing is red; our processes look again themselves."""
    if mode is TradingMode.LIVE:
        there = {
            "database_url": addresses.database_url,
            "redis_url": addresses.redis_url,
            "temporal_address": addresses.temporal_address,
            "trading_mode": mode,
        }
        await admit(settings.model_copy(update=there), holds_key=False)


async def start_play(running: Running) -> None:
    """Let the held tape run, now that everybody listens."""
    if "127.0.0.1" not in running.venue_url:
        return
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.post(f"{running.venue_url}/_paper/start") as answer,
    ):
        answer.raise_for_status()


def _tell(narrator: Narrator, event: ProcessEvent) -> None:
    if event.kind in (ProcessEventKind.DIED, ProcessEventKind.RESTARTED):
        narrator.say(f"{event.name} {event.kind} {event.detail}".strip())
    elif event.kind is ProcessEventKind.READY:
        narrator.say(f"  {event.name} is ready")
