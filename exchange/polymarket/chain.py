"""Follows whales by the chain's own logs, over several nodes at once, without gaps."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

from exchange.polymarket.chain_talk import ChainTalk
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.lines import LineRules, run_line
from exchange.polymarket.merging import Once
from exchange.polymarket.pump import Emit, pump
from exchange.port import FillEvent, WalletSet

CHAIN_RULES = LineRules(
    ping=None,
    first_data_within=timedelta(seconds=15),
    data_within=timedelta(seconds=30),
)
"""New blocks come every two seconds; a node that tells none for thirty has stopped."""


class ChainFeed:
    """Fills of followed wallets as the exchanges logged them: maker and taker, once each.

    Every node of `rpc_ws` is followed; the first one to tell a log wins. After a reconnection the
    gap is filled from the last block seen.
    """

    name = "chain"

    def __init__(
        self, access: VenueAccess, rules: LineRules = CHAIN_RULES, lookback_blocks: int = 30
    ) -> None:
        """Take how many blocks before the first connection are asked for as well."""
        self._access = access
        self._rules = rules
        self._lookback_blocks = lookback_blocks
        self._rng = Random()  # noqa: S311 - spreads reconnections, guards nothing

    def stream_fills(self, wallets: WalletSet) -> AsyncIterator[FillEvent]:
        """Yield fills for ever; each node's connection begins with a StreamReset."""

        async def produce(emit: Emit[FillEvent]) -> None:
            await self._follow(wallets, emit)

        return pump(produce)

    async def _follow(self, wallets: WalletSet, emit: Emit[FillEvent]) -> None:
        once = Once()
        talks = [
            ChainTalk(emit, once, self._access.clock, self._lookback_blocks)
            for _ in self._access.endpoints.rpc_ws
        ]
        async with asyncio.TaskGroup() as group:
            for talk, url in zip(talks, self._access.endpoints.rpc_ws, strict=True):
                group.create_task(run_line(url, talk, self._rules, self._rng))
            while True:
                for talk in talks:
                    talk.want(wallets.current())
                await wallets.changed()
