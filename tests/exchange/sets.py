"""Sets of tokens and wallets that change while a stream runs."""

import asyncio
from collections.abc import Iterable

from trading.types import TokenId, Wallet


class Tokens:
    """Implements TokenSet."""

    def __init__(self, items: Iterable[TokenId] = ()) -> None:
        self._items = frozenset(items)
        self._event = asyncio.Event()

    def current(self) -> frozenset[TokenId]:
        return self._items

    async def changed(self) -> None:
        await self._event.wait()
        self._event.clear()

    def set(self, *items: TokenId) -> None:
        self._items = frozenset(items)
        self._event.set()


class Wallets:
    """Implements WalletSet."""

    def __init__(self, items: Iterable[Wallet] = ()) -> None:
        self._items = frozenset(items)
        self._event = asyncio.Event()

    def current(self) -> frozenset[Wallet]:
        return self._items

    async def changed(self) -> None:
        await self._event.wait()
        self._event.clear()

    def set(self, *items: Wallet) -> None:
        self._items = frozenset(items)
        self._event.set()
