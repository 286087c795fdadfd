"""Paper mode: real feeds and books, fills of a local venue that mirrors the real one."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from exchange.polymarket.data_api import DataApi
from exchange.polymarket.endpoints import VenueAccess
from ingest.whales import REAL_LEADERS, WhaleBook
from narrate import Narrator
from process import utc_now
from settings import Settings, TradingMode
from storage.port import WhaleRecord
from storage.postgres import PostgresStore
from trading.types import Wallet

FEEDS_TIMEOUT_S = 10.0
CHAIN_TIMEOUT_S = 5.0
SCORES_TIMEOUT_S = 60.0
NOBODY = Wallet("0x" + "0" * 40)


@dataclass(frozen=True, slots=True)
class Footing:
    """What a start found: the mode that can be had, and in paper mode the nodes that answer."""

    mode: TradingMode
    nodes: tuple[str, ...] = ()


async def feeds_answer(settings: Settings) -> bool:
    """Tell whether the public feeds can be reached."""
    try:
        async with (
            asyncio.timeout(FEEDS_TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.get(f"{settings.clob_url}/time") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


def mirror_words(settings: Settings) -> Sequence[str]:
    """Return what the local venue is told, so that it mirrors the real one."""
    urls = {"clob": settings.clob_url, "gamma": settings.gamma_url, "data": settings.data_url}
    return [word for name, url in urls.items() for word in (f"--upstream-{name}", url)]


def listener_environment(settings: Settings, nodes: Sequence[str]) -> Mapping[str, str]:
    """Return where the listener hears of prices and whales; all else is the local venue's."""
    return {
        "WHALECOPY_WS_MARKET_URL": settings.ws_market_url,
        "WHALECOPY_RTDS_URL": settings.rtds_url,
        "WHALECOPY_RPC_HTTP_URLS": json.dumps([*nodes]),
        "WHALECOPY_RPC_WS_URLS": json.dumps(settings.rpc_ws_urls if nodes else ()),
    }


async def _answering_nodes(settings: Settings) -> tuple[str, ...]:
    async with aiohttp.ClientSession() as session:
        urls = settings.rpc_http_urls
        found = await asyncio.gather(*(_is_node(session, url) for url in urls))
    return tuple(url for url, is_node in zip(urls, found, strict=True) if is_node)


async def _is_node(session: aiohttp.ClientSession, url: str) -> bool:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
    try:
        async with asyncio.timeout(CHAIN_TIMEOUT_S), session.post(url, json=asked) as answer:
            told: object = await answer.json(content_type=None)
            return isinstance(told, dict) and "result" in told
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False


async def find_footing(settings: Settings, database_url: str, narrator: Narrator) -> Footing:
    """Return paper mode once somebody worth listening to is known; until then it replays.

    Followed are the configured wallets and what a person added; the first time, without any, the
    leaderboard's best, and it is said who that is.
    """
    nodes = await _answering_nodes(settings)
    if not nodes:
        narrator.say(
            "no Polygon node answers (WHALECOPY_RPC_HTTP_URLS): whales are heard by RTDS and the "
            "Data API alone, later and degraded"
        )
    narrator.say("looking at the whales' records …")
    store = PostgresStore(database_url, settings.rules.risk, NOBODY)
    try:
        whales = await _score_whales(settings, store)
    finally:
        await store.close()
    if not whales:
        narrator.say("no whale has a score yet: replaying the recorded tape")
        return Footing(TradingMode.REPLAY)
    _tell_whales(narrator, whales, are_chosen=bool(settings.whales))
    return Footing(TradingMode.PAPER, nodes)


async def _score_whales(settings: Settings, store: PostgresStore) -> Sequence[WhaleRecord]:
    """Return the followed wallets with their scores, the best first; none if that takes long."""
    configured = [Wallet(wallet.lower()) for wallet in settings.whales]
    async with aiohttp.ClientSession() as session:
        access = VenueAccess(settings.endpoints, session, utc_now)
        book = WhaleBook(DataApi(access), store, configured, utc_now, REAL_LEADERS)
        try:
            async with asyncio.timeout(SCORES_TIMEOUT_S):
                await book.load()
        except TimeoutError:
            return ()
    found = [await store.load_whale(wallet) for wallet in book.followed.current()]
    known = [record for record in found if record is not None]
    real = [record for record in known if not record.is_invented]  # a tape's are never heard here
    return sorted(real or known, key=lambda record: record.standing.quality_score, reverse=True)


def _tell_whales(narrator: Narrator, whales: Sequence[WhaleRecord], *, are_chosen: bool) -> None:
    whose = "" if are_chosen else ", proposed by the leaderboard (`whalecopy whales` changes them)"
    narrator.say(f"following {len(whales)} whales{whose}:")
    for record in whales:
        standing = record.standing
        narrator.say(
            f"  {standing.wallet}  score {standing.quality_score:.2f} from "
            f"{standing.closed_trades} closed trades  {record.pseudonym}"
        )
