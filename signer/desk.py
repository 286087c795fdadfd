"""Answers what the signer is asked: reads the records, judges, counts, signs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from exchange.polymarket.redeem_calls import RedeemSigner
from exchange.redeem_text import read_request
from exchange.sign_port import SignRefusal
from signer.facts import Records, RecordsUnavailableError
from signer.frames import Document
from signer.key import HeldKey
from signer.policy import Ask, Policy, refuse_overselling
from signer.redemptions import refuse_redemption
from signer.tally import Quota, Tally
from trading.pretrade import Control
from trading.types import OrderHash, SignatureType

ATTEST_CLOCKS_APART = timedelta(seconds=30)
PAST = timedelta(days=1)
"""How much of what left before a start is counted."""

log = logging.getLogger("signer")


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the desk signs with and judges by."""

    records: Records
    key: HeldKey
    policy: Policy
    tally: Tally


class SigningDesk:
    """Answers one document with another: `ok`, `no` with code and numbers, or `later`."""

    def __init__(self, parts: DeskParts, clock: Callable[[], datetime]) -> None:
        """Begin; nothing is signed before what left lately has been read."""
        limits = parts.policy.limits
        self._records = parts.records
        self._key = parts.key
        self._policy = parts.policy
        self._tally = parts.tally
        self._clock = clock
        self._redeem = RedeemSigner(parts.key.private_key)
        self._attests = Quota(limits.attests_per_hour, Control.ATTESTS_PER_HOUR)
        self._redemptions = Quota(limits.redemptions_per_hour, Control.REDEMPTIONS_PER_HOUR)
        self._has_past = False

    async def answer(self, asked: Document) -> Document:
        """Answer one request; what is no request of ours is refused by a `bad`."""
        try:
            return await self._do(asked)
        except RecordsUnavailableError as error:
            return {"later": str(error)}
        except (KeyError, TypeError, ValueError):
            return {"bad": "expected a whole request"}

    async def _do(self, asked: Document) -> Document:
        match asked.get("ask"):
            case "sign":
                return await self._sign(_ask_of(asked))
            case "account":
                return {"ok": self._describe()}
            case "attest":
                return await self._attest(asked)
            case "redeem":
                return await self._sign_redemption(asked)
            case _:
                return {"bad": "expected sign, account, attest or redeem"}

    async def _sign(self, ask: Ask) -> Document:
        await self._know_past()
        order = await self._records.load_order(ask.order_hash, self._clock())
        if order is None:
            return _no(SignRefusal(Control.NOT_COMMITTED, ask.order_hash, "a committed order"), ask)
        now = self._clock()
        refusal = self._policy.refuse(order, ask, now)
        if refusal is not None:
            return _no(refusal, ask)
        if not self._tally.is_again(order):
            refusal = refuse_overselling(order) or self._tally.refuse(order, now)
            if refusal is not None:
                return _no(refusal, ask)
            self._tally.count(order, now)  # before the signature, with no wait between
        return {"ok": {"signature": await self._key.signer.sign_order(order.unsigned)}}

    async def _know_past(self) -> None:
        """Count what left before this process began, so that a restart gives nothing away."""
        if self._has_past:
            return
        since = self._clock() - PAST
        past = await self._records.list_sent(self._key.account.funder, since)
        if not self._has_past:  # another request may have read it meanwhile
            self._tally.remember(past)
            self._has_past = True

    async def _attest(self, asked: Document) -> Document:
        timestamp_s, nonce = _number(asked, "timestamp_s"), _number(asked, "nonce")
        now = self._clock()
        apart = abs(int(now.timestamp()) - timestamp_s)
        if nonce != 0 or apart > ATTEST_CLOCKS_APART.total_seconds():
            wanted = f"nonce {nonce}, {apart} s away"
            return _no(SignRefusal(Control.ALTERED, wanted, "nonce 0, now"), "attest")
        refusal = self._attests.take(now)
        if refusal is not None:
            return _no(refusal, "attest")
        return {"ok": {"signature": await self._key.signer.sign_attestation(timestamp_s, nonce)}}

    async def _sign_redemption(self, asked: Document) -> Document:
        """Sign the wallet's open redemption, which must be the one that is meant."""
        epoch, nonce = _number(asked, "epoch"), _number(asked, "nonce")
        facts = await self._records.load_redemption(self._key.account.funder)
        if facts is None or facts.condition_id != asked["condition_id"]:
            return _no(
                SignRefusal(Control.NOT_COMMITTED, str(asked["condition_id"])[:66]), "redeem"
            )
        builds = {self._policy.build, facts.lease_build or self._policy.build}
        if facts.lease_epoch != epoch or builds != {asked["build"]}:
            held = f"{facts.lease_epoch} {sorted(builds)}"
            return _no(SignRefusal(Control.EPOCH, f"{epoch} {asked['build']}", held), "redeem")
        request, now = read_request(facts.request), self._clock()
        refusal = refuse_redemption(facts, request, self._key.account, now)
        if refusal is None and request.nonce != nonce:
            refusal = SignRefusal(Control.ALTERED, f"nonce {nonce}", f"{request.nonce}")
        refusal = refusal or self._redemptions.take(now)
        if refusal is not None:
            return _no(refusal, "redeem")
        if request.signature_type is SignatureType.EOA:
            raw, transaction_hash = await self._redeem.sign_transaction(request)
            return {"ok": {"raw": raw, "hash": transaction_hash}}
        return {"ok": {"envelope": await self._redeem.sign_envelope(request)}}

    def _describe(self) -> Document:
        account, session = self._key.account, self._key.session
        return {
            "address": account.address,
            "funder": account.funder,
            "signature_type": int(account.signature_type),
            "build": self._policy.build,
            "session_ends_at": "" if session is None else session.expires_at.isoformat(),
        }


def _no(refusal: SignRefusal, asked: object) -> Document:
    log.warning("sign_refused code=%s asked=%s %s", refusal.code, asked, refusal.describe())
    return {"no": {"code": refusal.code, "wanted": refusal.wanted, "cap": refusal.cap}}


def _ask_of(asked: Document) -> Ask:
    order_hash = asked["order"]
    if not isinstance(order_hash, str) or len(order_hash) != len("0x") + 64:
        raise ValueError("expected an order's hash")
    return Ask(OrderHash(order_hash), _number(asked, "epoch"), str(asked["build"]))


def _number(asked: Document, name: str) -> int:
    number = asked[name]
    if not isinstance(number, int):
        raise TypeError(f"expected a number as {name}")
    return number
