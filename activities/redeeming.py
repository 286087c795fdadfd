"""Sends redemptions: one at a time for a wallet, committed before it leaves, repeated alike."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog

from exchange.redeem_port import Redeemer, RedeemState
from exchange.redeem_text import read_request, write_request
from storage.port import Event, Lease
from storage.redeem_port import RedeemStore, Sending, SendingState
from trading.rules import RedemptionRules
from trading.types import ConditionId, Market

_ENDS = {RedeemState.DONE: SendingState.DONE, RedeemState.DEAD: SendingState.DEAD}
_EVENT = "redemption"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SendPorts:
    """What redemptions are sent and remembered with."""

    redeemer: Redeemer
    store: RedeemStore
    lease: Lease


class Redeeming:
    """Drives redemptions step by step; whoever drives, and however often, sends the same bytes."""

    def __init__(
        self, ports: SendPorts, rules: RedemptionRules, clock: Callable[[], datetime]
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock

    async def drive(self, market: Market) -> None:
        """Take the redemption of a market one step on: commit, send, or see how it ended.

        While the wallet has another one open, that one is taken on instead: nonces come in order.
        Raises ExchangeError and StorageError; nothing was half done, and a repeat goes on.
        """
        if not self._ports.redeemer.may_send:
            return
        sending = await self._ports.store.open_sending(self._ports.redeemer.wallet)
        if sending is None:
            sending = await self._begin(market)
        if sending is not None:
            await self._go_on(sending)

    async def adopt(self, condition_id: ConditionId) -> None:
        """End the open redemption of a condition of which nothing is held any more.

        Whoever paid, our own transaction, the platform or a person: it is not sent again.
        """
        store, wallet = self._ports.store, self._ports.redeemer.wallet
        sending = await store.open_sending(wallet) if self._ports.redeemer.may_send else None
        if sending is not None and sending.condition_id == condition_id:
            await self._end(sending, SendingState.DONE, "nothing is held any more")

    async def _begin(self, market: Market) -> Sending | None:
        redeemer, now = self._ports.redeemer, self._clock()
        last = await self._ports.store.last_sending(redeemer.wallet, market.condition_id)
        if last is not None and not self._may_repeat(last, now):
            return None
        request = await redeemer.prepare(market)
        text = write_request(request)
        sending = Sending(
            redemption_id=f"redeem-{sha256(text.encode()).hexdigest()[:32]}",
            wallet=redeemer.wallet,
            condition_id=market.condition_id,
            request=text,
            state=SendingState.OPEN,
            created_at=now,
        )
        return await self._ports.store.commit_sending(sending)

    def _may_repeat(self, last: Sending, now: datetime) -> bool:
        is_dead = last.state is SendingState.DEAD
        wait = self._rules.retry_after if is_dead else self._rules.again_after
        return last.ended_at is None or now >= last.ended_at + wait

    async def _go_on(self, sending: Sending) -> None:
        if sending.state is not SendingState.OPEN:
            return
        redeemer, store = self._ports.redeemer, self._ports.store
        request = read_request(sending.request)
        if sending.sends:
            state = await redeemer.fetch_state(request, sending.handle)
            if state.is_final:
                await self._end(sending, _ENDS[state], "")
                return
        if not await store.begin_redeeming(
            sending.redemption_id,
            self._ports.lease.epoch,
            self._clock(),
            self._rules.sendings_apart,
        ):
            return
        answer = await redeemer.redeem(request)
        log.info(
            "redemption_sent",
            redemption_id=sending.redemption_id,
            condition_id=sending.condition_id,
            handle=answer.handle,
            error=answer.error,
        )
        await store.note_sending(sending.redemption_id, answer.handle, answer.error)

    async def _end(self, sending: Sending, state: SendingState, error: str) -> None:
        now = self._clock()
        await self._ports.store.end_sending(sending.redemption_id, state, error, now)
        is_done = state is SendingState.DONE
        await self._ports.store.record_event_once(
            f"{sending.redemption_id}/{state}",
            Event(
                type=_EVENT,
                severity="INFO" if is_done else "WARNING",
                title=f"redemption {state.lower()} after {sending.sends} sendings",
                at=now,
                ids={"condition_id": sending.condition_id},
                metadata={"error": error or sending.error, "handle": sending.handle},
            ),
        )
