"""Examines everything that trading needs: `whalecopy doctor`, and before live trading begins."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import aiohttp
import structlog
from redis.exceptions import RedisError
from temporalio.service import RPCError

from account import AccountError, load_account, open_wallet, wallet_file
from doctor_findings import Check, Examination, Finding, Level, examine
from doctor_home import look_at_home
from doctor_keys import (
    KeyOwner,
    KeySources,
    SignerWord,
    judge_account,
    judge_build,
    judge_owner,
    judge_session,
    judge_socket,
    judge_source,
    read_signer,
)
from doctor_page import Waiting, as_text
from doctor_servers import look_at_cache, look_at_database, look_at_temporal, look_at_workers
from doctor_venue import (
    look_at_account,
    look_at_clock,
    look_at_geoblock,
    look_at_http,
    look_at_nodes,
    look_at_socket,
)
from embedded.addresses import load_addresses
from embedded.errors import EmbeddedError
from exchange.polymarket.admission import PolymarketAdmission, fetch_geoblock
from exchange.polymarket.client import TradingAccount
from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.polymarket.signing import LocalSigner
from exchange.polymarket.wallets import TradingWallet
from exchange.port import ExchangeError
from process import BUILD, utc_now
from settings import Settings, TradingMode
from signer.client import SignerLink
from storage.port import StorageError
from storage.postgres import PostgresStore
from temporal_access import connect_temporal
from venue_file import load_venue

Look = Callable[[], Awaitable[Sequence[Finding]]]

TROUBLES = (
    AccountError,
    EmbeddedError,
    ExchangeError,
    StorageError,
    RedisError,
    RPCError,
    RuntimeError,  # Temporal's client, where nobody answers
    OSError,
    ValueError,
    aiohttp.ClientError,
)
NO_STACK = "start one with `whalecopy up`, or set DATABASE_URL, REDIS_URL and TEMPORAL_ADDRESS"

log = structlog.get_logger()


class UnfitError(Exception):
    """Live trading must not begin; the message names every red finding and what to do."""


async def run_doctor(settings: Settings) -> tuple[Examination, str]:
    """Examine everything, telling a person at a terminal how far it is; return a table too."""
    async with AsyncExitStack() as stack:
        checks = await _checks(settings, stack, holds_key=True)
        waiting = Waiting(sys.stderr, len(checks))
        try:
            found = await examine(checks, waiting.tell)
        finally:
            waiting.end()
    return found, as_text(found, in_colour=sys.stdout.isatty())


async def admit(settings: Settings, *, holds_key: bool) -> None:
    """Let a process begin in live mode only when nothing is red; what is amber is warned of.

    Where positions are open it begins all the same, for their exits must not wait: entries are
    halted until a person clears that.

    Raises:
        UnfitError: something is red.
    """
    if settings.trading_mode is not TradingMode.LIVE:
        return
    async with AsyncExitStack() as stack:
        found = await examine(await _checks(settings, stack, holds_key=holds_key))
    for finding in found.of(Level.AMBER):
        log.warning("not_all_is_well", **finding.as_json())
    red = found.of(Level.RED)
    if red and not await _halt_instead(settings, red):
        words = "\n".join(f"  {finding.describe()}" for finding in red)
        raise UnfitError(f"live trading does not begin while something is red:\n{words}")


async def _halt_instead(settings: Settings, red: Sequence[Finding]) -> bool:
    """Halt entries where positions are open, and tell so; return False where none is known."""
    reason = f"begun for exits only: {'; '.join(finding.describe() for finding in red)}"
    try:
        wallet = load_account(settings).funder
        store = PostgresStore(settings.database_url, settings.rules.risk, wallet, pool_size=1)
        try:
            if not await store.list_open():
                return False
            await store.halt_wallet(reason, utc_now())
        finally:
            await store.close()
    except (AccountError, StorageError):
        return False
    log.error("begun_for_exits_only", reason=reason)
    return True


async def _checks(settings: Settings, stack: AsyncExitStack, *, holds_key: bool) -> Sequence[Check]:
    ward = await Ward.of(settings, stack)
    keys = [ward.check("keys", ward.look_at_keys)] if holds_key else []
    home = partial(asyncio.to_thread, look_at_home, settings.home.absolute())
    return [*keys, ward.check("home", home), *ward.servers(), *ward.venue()]


@dataclass(frozen=True, slots=True)
class Ward:
    """What is needed to look at everything of some settings."""

    settings: Settings
    access: VenueAccess
    database_url: str
    redis_url: str

    @classmethod
    async def of(cls, settings: Settings, stack: AsyncExitStack) -> Self:
        """Find where everything is: as the settings say, else where a stack left word."""
        session = await stack.enter_async_context(aiohttp.ClientSession())
        endpoints = settings.endpoints
        if settings.trading_mode is not TradingMode.LIVE:
            endpoints = load_venue(settings.home) or endpoints
        there = load_addresses(settings.home)
        known = settings
        if there is not None and not settings.temporal_address:
            known = settings.model_copy(update={"temporal_address": there.temporal_address})
        return cls(
            settings=known,
            access=VenueAccess(endpoints, session, utc_now),
            database_url=settings.database_url or (there.database_url if there else ""),
            redis_url=settings.redis_url or (there.redis_url if there else ""),
        )

    @property
    def is_live(self) -> bool:
        """Tell whether real money is at stake."""
        return self.settings.trading_mode is TradingMode.LIVE

    def check(self, name: str, look: Look, *, is_needed: bool = True) -> Check:
        """Return a check; only live trading is kept from beginning by the venue."""
        if is_needed and self.is_live:
            return Check(name, look, TROUBLES)
        return Check(name, partial(_softened, look), TROUBLES, Level.AMBER)

    async def look_at_keys(self) -> Sequence[Finding]:
        """Return what is to be said of the key; a paper wallet that is not there is not made."""
        settings = self.settings
        has_value = settings.private_key is not None
        if settings.signer_socket is not None:
            holds_key = has_value or settings.private_key_file is not None
            socket = judge_socket(settings.signer_socket, holds_key=holds_key)
            word = await _ask_signer(settings.signer_socket)
            session = judge_session(word.session_ends_at, utc_now(), is_live=self.is_live)
            build = judge_build(word.build, BUILD)
            return [socket, session, build, *self._owner_findings(word.owner)]
        sources = KeySources(settings.private_key_file, has_value, self.is_live)
        wallet = self._wallet()
        if wallet is None:
            return judge_source(sources)
        owner = KeyOwner(wallet.signer, wallet.funder, wallet.signature_type)
        return [*judge_source(sources), *self._owner_findings(owner)]

    def _owner_findings(self, owner: KeyOwner) -> Sequence[Finding]:
        whose = judge_owner(owner, self.settings.funder)
        try:
            return [whose, judge_account(load_account(self.settings), owner)]
        except AccountError:
            expected, advice = "an API user that is kept", "the worker derives it at its start"
            return [whose, Finding("api user", Level.AMBER, expected, "none yet", advice)]

    def servers(self) -> Sequence[Check]:
        """Return what is looked at behind us."""
        return [
            self._server("database", self.database_url, self._look_at_database),
            self._server("redis", self.redis_url, self._look_at_cache),
            self._server("temporal", self.settings.temporal_address, self._look_at_temporal),
        ]

    def venue(self) -> Sequence[Check]:
        """Return what is looked at at the venue."""
        access, points = self.access, self.access.endpoints
        session = access.session
        clock = PolymarketMarketData(access).fetch_clock
        http = [("order book", f"{points.clob}/time", True)]
        http += [("gamma", f"{points.gamma}/markets?limit=1", True)]
        http += [("data api", f"{points.data}/v2/positions", False)]
        http += [("relayer", points.relayer, False)]
        sockets = [("market stream", points.ws_market, True), ("user stream", points.ws_user, True)]
        sockets += [("rtds", points.rtds, False)]
        sockets += [(f"node {n}'s socket", url, False) for n, url in enumerate(points.rpc_ws, 1)]
        return [
            self.check("geoblock", partial(look_at_geoblock, partial(fetch_geoblock, access))),
            self.check("clock", partial(look_at_clock, clock, utc_now)),
            self.check("account", self._look_at_account),
            *(
                self.check(name, partial(look_at_http, session, name, url), is_needed=needed)
                for name, url, needed in http
            ),
            *(
                self.check(name, partial(look_at_socket, session, name, url), is_needed=needed)
                for name, url, needed in sockets
            ),
            self.check("nodes", partial(look_at_nodes, session, points.rpc_http)),
        ]

    async def _look_at_account(self) -> Sequence[Finding]:
        account = await self._account()
        admission = PolymarketAdmission(self.access, account)
        return await look_at_account(admission, account.user.credentials.key)

    async def _account(self) -> TradingAccount:
        """Return the account that is kept; in live mode it can be derived where there is none."""
        try:
            return load_account(self.settings)
        except AccountError:
            wallet = self._wallet()
            if wallet is None or not self.is_live:
                raise
        user = await fetch_user(self.access, LocalSigner(wallet.private_key))
        return TradingAccount(user, wallet.funder, wallet.signature_type)

    def _wallet(self) -> TradingWallet | None:
        settings = self.settings
        has_key = settings.private_key is not None or settings.private_key_file is not None
        if not has_key and (self.is_live or not wallet_file(settings).exists()):
            return None
        return open_wallet(settings)

    def _server(self, name: str, address: str, look: Look) -> Check:
        if address:
            return Check(name, look, TROUBLES)
        level = Level.RED if self.is_live else Level.AMBER
        return Check(name, partial(_not_known, name, level), TROUBLES)

    async def _look_at_database(self) -> Sequence[Finding]:
        return await look_at_database(self.database_url, utc_now)

    async def _look_at_cache(self) -> Sequence[Finding]:
        return await look_at_cache(self.redis_url)

    async def _look_at_temporal(self) -> Sequence[Finding]:
        client = await connect_temporal(self.settings)
        return [*await look_at_temporal(client), *await look_at_workers(client, BUILD)]


async def _not_known(name: str, level: Level) -> Sequence[Finding]:
    return [Finding(name, level, "the address of one", "no stack runs here", NO_STACK)]


async def _ask_signer(socket: Path) -> SignerWord:
    link = SignerLink(socket)
    try:
        return read_signer(await link.ask({"ask": "account"}))
    finally:
        link.close()


async def _softened(look: Look) -> Sequence[Finding]:
    """Return what was found, none of it red: only live trading would be kept from beginning."""
    found = await look()
    return [replace(each, level=Level.AMBER) if each.level is Level.RED else each for each in found]
