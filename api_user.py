"""Keeps the API user usable: derived anew when the venue refuses it, taken over by who listens."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import structlog

from account import Account, AccountError
from activities.commands import EventBook
from exchange.polymarket.client import TradingAccount
from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.rest import ApiUser
from exchange.port import ExchangeError, UnavailableError
from storage.port import Event, StorageError

AGAIN_AFTER_S = 3600.0
RETRY_AFTER_S = 10.0
LOOK_EVERY_S = 10.0

log = structlog.get_logger()


class UserRenewal:
    """Derives the API key anew once the venue refuses ours (401), so that exits go on leaving.

    Entries stay halted, as the refusal of an order halts them: a person looks why, and clears it.
    A second time is an hour later at the soonest; until then what is refused again is a person's.
    """

    def __init__(
        self,
        access: VenueAccess,
        account: Account,
        events: EventBook,
        clock: Callable[[], datetime],
    ) -> None:
        self._access = access
        self._account = account
        self._user = account.trading.user
        self._events = events
        self._clock = clock

    async def run(self) -> None:
        """Wait for a refusal and renew, until cancelled."""
        while True:
            await self._user.refused.wait()
            await self._renew()
            self._user.refused.clear()
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _renew(self) -> None:
        while True:
            try:
                fresh = await fetch_user(self._access, self._account.attests)
            except UnavailableError as error:
                log.warning("api_key_not_derived", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
            except ExchangeError as error:
                return await self._tell("api_key_refused", f"and gives no other one: {error}")
            else:
                return await self._take(fresh)

    async def _take(self, fresh: ApiUser) -> None:
        self._user.credentials = fresh.credentials
        self._account.keep()
        await self._tell("api_key_renewed", "so it was derived anew; find out why")

    async def _tell(self, kind: str, words: str) -> None:
        now = self._clock()
        event = Event(kind, "PAGE", f"the venue refuses our API key (HTTP 401), {words}", now)
        log.error(kind, error=words)
        with contextlib.suppress(StorageError):
            await self._events.record_event_once(f"{kind}/{now:%Y-%m-%dT%H}", event)


async def follow_user(trading: TradingAccount, load: Callable[[], TradingAccount]) -> None:
    """Take over the credentials that a worker has kept, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        with contextlib.suppress(AccountError):  # what we have may be good still
            trading.user.credentials = load().user.credentials
