"""The followed wallets and the watched tokens, which change while feeds run."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Wanted(Generic[T]):
    """A set that tells its readers when it has changed; one writer, any number of readers."""

    def __init__(self, items: frozenset[T] = frozenset()) -> None:
        self._items = items
        self._changed = asyncio.Event()

    def current(self) -> frozenset[T]:
        """Return the set as it is now."""
        return self._items

    async def changed(self) -> None:
        """Return at the next change."""
        await self._changed.wait()

    def replace(self, items: frozenset[T]) -> None:
        """Set new items and wake the readers if anything differs."""
        if items == self._items:
            return
        self._items = items
        self._changed.set()
        self._changed = asyncio.Event()
