"""What is looked at at the venue: our right to trade, our money there, and every endpoint."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import aiohttp

from doctor_findings import Finding, Level
from exchange.admission_port import Admission
from exchange.polymarket.contracts import CHAIN_ID, EXCHANGES
from exchange.secret import shown_url
from trading.admission import (
    ADMISSION,
    Geoblock,
    clock_offset,
    closed_only_reason,
    describe_offset,
    geoblock_reason,
)
from trading.types import ZERO, Usd, Wallet

NODES_MIN = 2
NODE_LIMIT_S = 4
_CHAIN_ID = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
_HTTP_ANSWERS = 500  # below: somebody answers there, whatever he thinks of the path

Clock = Callable[[], datetime]


async def look_at_geoblock(fetch: Callable[[], Awaitable[Geoblock]]) -> Sequence[Finding]:
    """Return whether the venue takes orders from here."""
    found = await fetch()
    reason = geoblock_reason(found)
    advice = "trade from where the venue allows it; do not work around it" if reason else ""
    level = Level.RED if reason else Level.GREEN
    words = reason or f"orders are taken from {found.place}"
    return [Finding("geoblock", level, "a place orders are taken from", words, advice)]


async def look_at_account(admission: Admission, key: str) -> Sequence[Finding]:
    """Return what the account may do, what it has, and whether our key is one of its own."""
    is_closed_only, (cash, allowed), keys = await asyncio.gather(
        admission.fetch_closed_only(), admission.fetch_allowances(), admission.fetch_api_keys()
    )
    return [
        judge_closed_only(is_closed_only=is_closed_only),
        judge_balance(cash),
        judge_allowances(cash, allowed),
        judge_api_key(key, keys),
    ]


def judge_closed_only(*, is_closed_only: bool) -> Finding:
    """Judge whether the account may open positions."""
    reason = closed_only_reason(is_closed_only=is_closed_only)
    advice = "ask the venue why; positions can still be sold" if reason else ""
    level = Level.RED if reason else Level.GREEN
    expected, words = "an account that may buy", reason or "it may buy"
    return Finding("closed-only", level, expected, words, advice)


async def look_at_clock(
    fetch: Callable[[], Awaitable[datetime]], clock: Clock
) -> Sequence[Finding]:
    """Return how far the venue's clock is from ours."""
    sent_at = clock()
    told = await fetch()
    return [judge_clock("venue's clock", clock_offset(sent_at, clock(), told))]


def judge_clock(subject: str, offset: timedelta) -> Finding:
    """Judge how far another clock is from ours."""
    size = abs(offset)
    level = Level.AMBER if size > ADMISSION.clock_warn else Level.GREEN
    level = Level.RED if size > ADMISSION.clock_max else level
    advice = "" if level is Level.GREEN else "let this machine's clock follow a time server"
    expected = f"{ADMISSION.clock_warn.seconds} s or less apart"
    words = describe_offset(offset) if size else "no offset beyond what its seconds hide"
    return Finding(subject, level, expected, words, advice)


def judge_balance(cash: Usd) -> Finding:
    """Judge the collateral."""
    found, expected = f"${cash:.2f}", "collateral to trade with"
    if cash > ZERO:
        return Finding("balance", Level.GREEN, expected, found)
    advice = "send pUSD to the wallet"
    return Finding("balance", Level.AMBER, expected, found, advice)


def judge_allowances(cash: Usd, allowed: Mapping[Wallet, Usd]) -> Finding:
    """Judge what the exchanges that settle today may take: less than there is stops orders."""
    least = max(cash, Usd(Decimal(1)))
    short = [exchange for exchange in EXCHANGES if allowed.get(exchange, Usd(ZERO)) < least]
    expected = f"every exchange may take ${least:.2f}"
    if not short:
        return Finding("allowances", Level.GREEN, expected, f"all {len(EXCHANGES)} may")
    names = ", ".join(f"{each[:10]}…" for each in short)
    level = Level.RED if len(short) == len(EXCHANGES) else Level.AMBER
    advice = "approve the exchanges for this wallet on the venue's site; their orders are refused"
    return Finding("allowances", level, expected, f"less allowed to {names}", advice)


def judge_api_key(key: str, keys: Sequence[str]) -> Finding:
    """Judge whether our API key is one that may trade: read-only keys are not in this list."""
    expected = "our key among the account's that may trade"
    if key in keys:
        return Finding("api key", Level.GREEN, expected, f"it is one of {len(keys)}")
    advice = "take api-user.json away; a worker derives the key anew"
    return Finding("api key", Level.RED, expected, f"{len(keys)} others", advice)


async def look_at_http(session: aiohttp.ClientSession, name: str, url: str) -> Sequence[Finding]:
    """Return whether somebody answers at an address."""
    async with session.get(url, allow_redirects=False) as answer:
        status = answer.status
    is_up = status < _HTTP_ANSWERS
    level, advice = Level.GREEN, ""
    if not is_up:
        level, advice = Level.RED, "wait, or look at the venue's status page"
    expected = f"an answer of {shown_url(url)}"
    return [Finding(name, level, expected, f"HTTP {status}", advice)]


async def look_at_nodes(session: aiohttp.ClientSession, urls: Sequence[str]) -> Sequence[Finding]:
    """Return which nodes of the chain answer; none that does, or none at all, is red."""
    names = [f"node {number}" for number, _ in enumerate(urls, 1)]
    pairs = zip(names, urls, strict=True)
    found = await asyncio.gather(*(look_at_node(session, name, url) for name, url in pairs))
    if any(each.level is Level.GREEN for each in found):
        return [*found, _count_nodes(len(set(urls)))]
    return [replace(each, level=Level.RED) for each in found or [_count_nodes(0)]]


async def look_at_node(session: aiohttp.ClientSession, name: str, url: str) -> Finding:
    """Return whether a node answers, and of which chain it is."""
    expected = f"chain {CHAIN_ID} at {shown_url(url)}"
    advice = "name another node of Polygon in WHALECOPY_RPC_HTTP_URLS"
    try:
        async with asyncio.timeout(NODE_LIMIT_S), session.post(url, json=_CHAIN_ID) as answer:
            told = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        words = f"no answer: {type(error).__name__}"
        return Finding(name, Level.AMBER, expected, words, advice)
    result = told.get("result") if isinstance(told, dict) else None
    if result == hex(CHAIN_ID):
        return Finding(name, Level.GREEN, expected, f"chain {CHAIN_ID}")
    found = f"HTTP {answer.status}, chain {str(result)[:20]}"
    return Finding(name, Level.AMBER, expected, found, advice)


async def look_at_socket(session: aiohttp.ClientSession, name: str, url: str) -> Sequence[Finding]:
    """Return whether a socket opens."""
    async with session.ws_connect(url, autoping=True):
        pass
    return [Finding(name, Level.GREEN, f"a socket at {shown_url(url)}", "it opens")]


def _count_nodes(count: int) -> Finding:
    expected = f"{NODES_MIN} nodes of the chain, or more"
    if count >= NODES_MIN:
        return Finding("nodes", Level.GREEN, expected, f"{count}")
    advice = "name a second one in WHALECOPY_RPC_HTTP_URLS and WHALECOPY_RPC_WS_URLS"
    return Finding("nodes", Level.AMBER, expected, f"{count}", advice)
