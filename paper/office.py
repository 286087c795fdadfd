"""Carries out what wallets ask of the chain: once per nonce, mined a little later, or reverted."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from paper.chain import Chain, Receipt
from paper.contracts import (
    COLLATERAL,
    COLLATERAL_ADAPTER,
    CONDITIONAL_TOKENS,
    NEG_RISK_COLLATERAL_ADAPTER,
)
from paper.derive import account_name, hash_text, uuid_text
from paper.faults import Faults, Point
from paper.ledger import Ledger
from paper.model import BlockMined, Dialect, VenueEvent, VenueSettings
from paper.redemption import Burn, Redemption, burn
from paper.registry import Listing, Registry
from paper.wallet_calls import Call, CallError, CtfRedeem, RouterRedeem, read_redeem

COURSES = ("revert", "pending", "vanish")
NEVER_MS = 10**15
_PAYOUT_REDEMPTION = keccak(
    text="PayoutRedemption(address,address,bytes32,bytes32,uint256[],uint256)"
).hex()


class OfficeError(Exception):
    """What was asked is refused before anything of it is done; the message is the venue's."""


class Kind(StrEnum):
    """How a wallet's transactions reach the chain."""

    EOA = "EOA"
    PROXY = "PROXY"
    SAFE = "SAFE"
    WALLET = "WALLET"


class Stage(StrEnum):
    """How far a transaction has come, in the relayer's words."""

    NEW = "STATE_NEW"
    MINED = "STATE_MINED"
    CONFIRMED = "STATE_CONFIRMED"
    FAILED = "STATE_FAILED"


@dataclass(frozen=True, slots=True)
class Asked:
    """A verified request: who signed it, for which wallet, and what is to be called."""

    kind: Kind
    signer: str
    wallet: str
    nonce: int
    calls: tuple[Call, ...]
    deadline: int | None = None  # Unix seconds
    transaction_hash: str = ""  # of a plain key's own transaction


@dataclass(slots=True)
class Transaction:
    """A request that was taken; times in ms."""

    transaction_id: str
    transaction_hash: str
    asked: Asked
    submitted_at: int
    mines_at: int
    stage: Stage = Stage.NEW
    confirms_at: int = NEVER_MS
    block_number: int | None = None
    error: str = ""

    @property
    def uses_nonce(self) -> bool:
        """Tell whether its nonce is gone on the chain: a reverted batch leaves its own."""
        is_mined = self.stage in (Stage.MINED, Stage.CONFIRMED)
        return is_mined or (self.asked.kind is Kind.EOA and self.stage is Stage.FAILED)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a transaction touches."""

    ledger: Ledger
    registry: Registry
    chain: Chain
    faults: Faults
    publish: Callable[[VenueEvent], None]


class Office:
    """Every transaction that a client's wallet sent, and their nonces."""

    def __init__(self, grounds: Grounds, settings: VenueSettings) -> None:
        self._grounds = grounds
        self._mined_after = _milliseconds(settings.mined_after_s)
        self._confirmed_after = _milliseconds(settings.confirmed_after_s)
        self._by_id: dict[str, Transaction] = {}
        self._open: deque[Transaction] = deque()
        self._changed: dict[str, Transaction] = {}
        self._redemptions: list[Redemption] = []

    def load(self, transactions: Iterable[Transaction]) -> None:
        """Take over saved transactions, oldest first; those under way go on."""
        for transaction in transactions:
            self._by_id[transaction.transaction_id] = transaction
            if transaction.stage in (Stage.NEW, Stage.MINED):
                self._open.append(transaction)

    def nonce(self, kind: Kind, signer: str, *, pending: bool = False) -> int:
        """Return how many of a signer's transactions the chain has counted, or will have."""
        return sum(
            one.uses_nonce or (pending and one.stage is Stage.NEW) for one in self._of(kind, signer)
        )

    def accept(self, asked: Asked, now: int) -> Transaction:
        """Take a request; raise OfficeError where its nonce, deadline or wallet forbid it."""
        self._check(asked, now)
        number = len(self._by_id)
        transaction_id = uuid_text("transaction", number, asked.signer, asked.nonce, now)
        course = self._grounds.faults.draw(
            Point.RELAY, f"transaction {number}", {"kind": asked.kind}, COURSES
        )
        fate = "" if course is None else course.fault
        late = course.delay_ms if course is not None and fate == "pending" else 0
        transaction = Transaction(
            transaction_id=transaction_id,
            transaction_hash=asked.transaction_hash or hash_text("relayed", transaction_id),
            asked=asked,
            submitted_at=now,
            mines_at=NEVER_MS if fate == "vanish" else now + self._mined_after + late,
            error="execution reverted" if fate == "revert" else "",
        )
        self._by_id[transaction_id] = transaction
        self._open.append(transaction)
        self._touch(transaction)
        return transaction

    def step(self, now: int) -> None:
        """Mine and confirm what is due."""
        for transaction in tuple(self._open):
            if transaction.stage is Stage.NEW and now >= transaction.mines_at:
                self._mine(transaction, now)
            elif transaction.stage is Stage.MINED and now >= transaction.confirms_at:
                transaction.stage = Stage.CONFIRMED
                self._touch(transaction)
        self._open = deque(one for one in self._open if one.stage in (Stage.NEW, Stage.MINED))

    def find(self, transaction_id: str) -> Transaction | None:
        """Return a transaction by the relayer's id."""
        return self._by_id.get(transaction_id)

    def mined(self, transaction_hash: str) -> Transaction | None:
        """Return a transaction of the chain by its hash."""
        found = (one for one in self._by_id.values() if one.block_number is not None)
        return next((one for one in found if one.transaction_hash == transaction_hash), None)

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to be saved."""
        return bool(self._changed)

    def take_changes(self) -> list[Transaction]:
        """Return the transactions that have to be saved."""
        changed, self._changed = self._changed, {}
        return list(changed.values())

    def take_redemptions(self) -> list[Redemption]:
        """Return redemptions since the last call."""
        redemptions, self._redemptions = self._redemptions, []
        return redemptions

    def _of(self, kind: Kind, signer: str) -> Sequence[Transaction]:
        return [
            one
            for one in self._by_id.values()
            if one.asked.kind is kind and one.asked.signer == signer
        ]

    def _check(self, asked: Asked, now: int) -> None:
        waiting = next(
            (one for one in self._of(asked.kind, asked.signer) if one.stage is Stage.NEW), None
        )
        nonce = self.nonce(asked.kind, asked.signer)
        if waiting is not None and asked.kind is not Kind.EOA:
            raise OfficeError(f"wallet busy: active action {waiting.transaction_id}")
        if waiting is not None and asked.nonce <= nonce:
            is_same = waiting.transaction_hash == asked.transaction_hash
            raise OfficeError("already known" if is_same else "replacement transaction underpriced")
        if asked.nonce != nonce:
            raise OfficeError(_wrong_nonce(asked, nonce))
        if asked.deadline is not None and now // 1000 > asked.deadline:
            raise OfficeError(f"batch deadline {asked.deadline} has passed")

    def _mine(self, transaction: Transaction, now: int) -> None:
        receipt = Receipt(transaction.transaction_hash, COLLATERAL, ())
        try:
            receipt = self._execute(transaction, now)
            transaction.stage = Stage.MINED
            transaction.confirms_at = now + max(self._confirmed_after - self._mined_after, 0)
        except CallError as error:
            transaction.stage, transaction.error = Stage.FAILED, str(error)
        number, logs = self._grounds.chain.mine(now, [receipt])
        transaction.block_number = number
        self._grounds.publish(BlockMined(number, logs))
        self._touch(transaction)

    def _execute(self, transaction: Transaction, now: int) -> Receipt:
        """Do all calls of a transaction or, raising CallError, none."""
        asked = transaction.asked
        if transaction.error:
            raise CallError(transaction.error)
        if asked.deadline is not None and now // 1000 > asked.deadline:
            raise CallError("the batch's deadline has passed")
        account = account_name(asked.wallet)
        planned: list[tuple[Listing, Burn, CtfRedeem | RouterRedeem]] = []
        for call in asked.calls:
            redeem = read_redeem(call)
            listing = self._resolved(redeem)
            known = {each.token_id: each.size for _, each, _ in planned}
            planned += [(listing, each, redeem) for each in self._burns(account, redeem, known)]
        paid: dict[str, int] = {}
        for listing, each, _ in planned:
            redemption = burn(
                self._grounds.ledger, listing, account, each, (now, transaction.transaction_hash)
            )
            self._redemptions.append(redemption)
            condition_id = listing.market.condition_id
            paid[condition_id] = paid.get(condition_id, 0) + redemption.payout
        events = tuple(
            _event(redeem, paid.get(redeem.condition_id, 0))
            for redeem in map(read_redeem, asked.calls)
            if isinstance(redeem, CtfRedeem)
        )
        return Receipt(transaction.transaction_hash, CONDITIONAL_TOKENS, events)

    def _resolved(self, redeem: CtfRedeem | RouterRedeem) -> Listing:
        listing = self._grounds.registry.get(redeem.condition_id)
        if listing is None or listing.market.payouts is None:
            raise CallError("result for condition not received yet")
        is_v2 = listing.market.dialect is Dialect.PROTOCOL_V2
        if is_v2 is not isinstance(redeem, RouterRedeem):
            raise CallError("the market's tokens are in another ledger")
        if isinstance(redeem, CtfRedeem) and redeem.neg_risk is not listing.market.neg_risk:
            raise CallError("the market is behind the other adapter")
        return listing

    def _burns(
        self, account: str, redeem: CtfRedeem | RouterRedeem, known: dict[str, int]
    ) -> list[Burn]:
        listing = self._resolved(redeem)
        held = [
            self._grounds.ledger.balance(account, token_id) - known.get(token_id, 0)
            for token_id in listing.market.token_ids
        ]
        if isinstance(redeem, CtfRedeem):
            pairs = zip(listing.market.token_ids, held, strict=True)
            return [Burn(token_id, size) for token_id, size in pairs if size > 0]
        if redeem.outcome not in (0, 1) or not 0 < redeem.size <= held[redeem.outcome]:
            raise CallError("insufficient balance for transfer")
        return [Burn(listing.market.token_ids[redeem.outcome], redeem.size)]

    def _touch(self, transaction: Transaction) -> None:
        self._changed[transaction.transaction_id] = transaction


def _wrong_nonce(asked: Asked, nonce: int) -> str:
    match asked.kind:
        case Kind.WALLET:
            return f"batch nonce {asked.nonce} does not match on-chain nonce {nonce}"
        case Kind.EOA:
            word = "low" if asked.nonce < nonce else "high"
            return f"nonce too {word}: next nonce {nonce}, tx nonce {asked.nonce}"
        case _:
            return f"invalid nonce: expected {nonce}, got {asked.nonce}"


def _event(redeem: CtfRedeem, payout: int) -> tuple[tuple[str, ...], str]:
    """Write CTF's PayoutRedemption; who redeems is the adapter, on a wallet's behalf."""
    adapter = NEG_RISK_COLLATERAL_ADAPTER if redeem.neg_risk else COLLATERAL_ADAPTER
    topics = (f"0x{_PAYOUT_REDEMPTION}", _padded(adapter), _padded(COLLATERAL), f"0x{0:064x}")
    condition = bytes.fromhex(redeem.condition_id[2:])
    data = encode(["bytes32", "uint256[]", "uint256"], [condition, [1, 2], payout])
    return topics, f"0x{data.hex()}"


def _padded(address: str) -> str:
    return f"0x{address[2:].lower():0>64}"


def _milliseconds(seconds: Decimal) -> int:
    return int(seconds * 1000)
