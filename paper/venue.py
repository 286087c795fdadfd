"""The venue itself: the one object that every protocol of the local venue reads and drives."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from paper.assembly import Company, Opening, open_company
from paper.chain import Block
from paper.derive import account_name
from paper.desk import Post
from paper.fault_actions import put_in_force
from paper.faults import Fault, FaultPlan, Faults
from paper.hindsight import Hindsight
from paper.ledger import BANK, CASH, Leg
from paper.model import (
    Book,
    ChainLog,
    Level,
    Market,
    OrderRecord,
    OrderType,
    Side,
    SignedOrder,
    TickSizeChanged,
    Trade,
    VenueEvent,
    VenueSettings,
)
from paper.office import Asked, Kind, Transaction
from paper.playback import Play
from paper.redemption import Redemption
from paper.registry import Listing
from paper.settlement import chain_status
from paper.store import Store, StoreError
from paper.tape import Tape, TapeHeader, TapeWallet

STEP_S = 0.02
STEPS_PER_CHECKPOINT = 200
SAVE_EVERY_MS = 200  # of what may be lost at a kill, since the tape tells it again


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What a POST /order is answered with; amounts in micros of what was matched at once."""

    order_id: str
    status: str  # live | matched | delayed | unmatched
    making_amount: int
    taking_amount: int
    trade_ids: tuple[str, ...]
    error: str = ""


def wall_clock() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Venue:
    """Markets, books, orders, trades, ledger and chain. Synchronous; one event loop owns it."""

    def __init__(  # noqa: PLR0913 - the one place where everything comes together
        self,
        tape: Tape | None,
        settings: VenueSettings,
        *,
        home: Path,
        speed: Decimal = Decimal(1),
        market_limit: int | None = None,
        resume: bool = False,
        is_held: bool = False,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        """Open the venue's home and, with a tape, begin or go on with a play.

        Args:
            tape: What to play; without one, markets come by `add_market`.
            settings: How the venue behaves.
            home: Directory of the venue's file; made if it is not there.
            speed: Tape seconds per second of the wall clock.
            market_limit: Play only the first markets of the tape.
            resume: Go on with the last play where it stopped instead of beginning another.
            is_held: Stand still until `start`, so that nothing is missed by those who come.
            clock: Unix milliseconds.

        Raises:
            StoreError: The home cannot be used, or its last play is of another tape.
        """
        if speed <= 0:
            raise ValueError(f"expected a speed above zero, received {speed}")
        self._clock = clock
        self._settings = settings
        self._speed = speed
        self._tape = tape
        self._saved_at = 0
        self._is_held = is_held
        self._failure: StoreError | None = None
        self.store = Store(home)
        self.faults = Faults()
        fresh_id = secrets.token_hex(4)
        opening = Opening(tape, settings, speed, market_limit, resume, fresh_id, self.faults)
        try:
            self._company: Company = open_company(self.store, opening, clock())
            self._save()
        except BaseException:
            self.store.close()
            raise

    def now(self) -> int:
        """Return the wall clock in Unix milliseconds."""
        return self._clock()

    def markets(self) -> Sequence[Market]:
        """Return every market of this play and of earlier ones, oldest first."""
        return [listing.market for listing in self._company.floor.registry.all()]

    def market(self, condition_id: str) -> Market | None:
        """Return a market by condition id."""
        listing = self._company.floor.registry.get(condition_id)
        return None if listing is None else listing.market

    def market_of(self, token_id: str) -> Market | None:
        """Return the market that a token belongs to."""
        listing = self._company.floor.registry.of_token(token_id)
        return None if listing is None else listing.market

    def book(self, token_id: str) -> Book | None:
        """Return what a trader sees: recorded levels less what was taken, and resting orders."""
        listing = self._company.floor.registry.of_token(token_id)
        return None if listing is None else listing.view(listing.outcome_of(token_id))

    def price_history(self, token_id: str) -> Sequence[tuple[int, int]]:
        """Return (seconds, mid-price in micros) pairs, oldest first."""
        listing = self._company.floor.registry.of_token(token_id)
        return [] if listing is None else listing.prices(listing.outcome_of(token_id))

    def submit(
        self,
        order: SignedOrder,
        order_type: OrderType,
        *,
        owner: str,
        post_only: bool,
        fate: Fault | None = None,
    ) -> SubmitResult:
        """Check, book and match an order whose signature was verified; raise OrderRefusedError.

        What was booked is on disk when this returns. A `fate` may put the work off.
        """
        post = Post(order, order_type, owner, post_only, self.now())
        try:
            answer = self._company.crew.late.submit(post, fate)
        finally:
            self._save()
        cost = sum(trade.cost for trade in answer.trades)
        size = sum(trade.size for trade in answer.trades)
        making, taking = (cost, size) if order.side is Side.BUY else (size, cost)
        ids = tuple(trade.trade_id for trade in answer.trades)
        return SubmitResult(order.order_id, answer.status, making, taking, ids, answer.error)

    def cancel(
        self, order_ids: Sequence[str], owner: str, fate: Fault | None = None
    ) -> tuple[list[str], dict[str, str]]:
        """Cancel resting orders; return the cancelled ids and, per other id, the reason.

        A `fate` may make the answer untrue.
        """
        answer = self._company.canceller.cancel(order_ids, owner, fate, self.now())
        self._save()
        return answer

    def order(self, order_id: str) -> OrderRecord | None:
        """Return an order ever accepted."""
        return self._company.floor.orders.get(order_id)

    def orders(self) -> Sequence[OrderRecord]:
        """Return every order ever accepted, oldest first."""
        return self._company.floor.orders.all()

    def trades(self) -> Sequence[Trade]:
        """Return every trade of this play and of earlier ones, oldest first.

        Filler fills are not among them: they are only told, by `Traded`.
        """
        return self._company.crew.settlement.trades()

    def open_orders(self) -> Sequence[OrderRecord]:
        """Return the orders that wait in the books."""
        return self._company.floor.orders.open_orders()

    def put_faults(self, plan: FaultPlan) -> None:
        """Put a plan of faults in force; raise ActionError, changing nothing, if it cannot be."""
        put_in_force(self._company.floor, plan, self.now())
        self._save()

    def redemptions(self) -> Sequence[Redemption]:
        """Return every redemption, oldest first."""
        return self._company.redemptions

    def send(self, asked: Asked) -> Transaction:
        """Take what a wallet asks of the chain; raise OfficeError where it is refused."""
        transaction = self._company.office.accept(asked, self.now())
        self._save()
        return transaction

    def transaction(self, transaction_id: str) -> Transaction | None:
        """Return a wallet's transaction by the relayer's id."""
        return self._company.office.find(transaction_id)

    def mined_transaction(self, transaction_hash: str) -> Transaction | None:
        """Return a wallet's transaction that was mined, reverted or not, by its hash."""
        return self._company.office.mined(transaction_hash)

    def nonce(self, kind: Kind, signer: str, *, pending: bool = False) -> int:
        """Return the next nonce of a signer's wallet, what waits to be mined counted if asked."""
        return self._company.office.nonce(kind, signer, pending=pending)

    def open_wallet(self, wallet: str) -> None:
        """Give a wallet seen for the first time its bankroll and all allowances."""
        ledger, account = self._company.floor.ledger, account_name(wallet)
        if not ledger.knows(account):
            ledger.move(Leg(BANK, account, CASH, self._settings.bankroll))
            self._save()

    def balance(self, wallet: str, token_id: str | None) -> int:
        """Return settled micros of pUSD (`token_id` None) or of a token.

        What a trade gives is gone at the match, what it brings is there once it is mined.
        """
        asset = CASH if token_id is None else token_id
        return self._company.floor.ledger.balance(account_name(wallet), asset)

    def knows_wallet(self, wallet: str) -> bool:
        """Tell whether a wallet was ever opened here."""
        return self._company.floor.ledger.knows(account_name(wallet))

    def wallets(self) -> dict[str, tuple[int, dict[str, int]]]:
        """Return (cash, tokens) in micros for every account; over all accounts each sums to zero.

        Besides wallets there are the accounts of paper.ledger: bank, mint, fees and in-flight.
        """
        return self._company.floor.ledger.accounts()

    def block_number(self) -> int:
        """Return the newest block's number."""
        return self._company.floor.chain.number

    def block(self, number: int) -> Block | None:
        """Return a block's header; None for one that is not mined or no longer kept."""
        return self._company.floor.chain.block(number)

    def logs(self, from_block: int, to_block: int) -> Sequence[ChainLog]:
        """Return the logs of a closed range of blocks, in chain order."""
        return self._company.floor.chain.logs(from_block, to_block)

    def filled_on_chain(self, order_id: str) -> tuple[bool, int] | None:
        """Return (is filled, remaining maker amount) as the exchange stores it; None if never."""
        record = self.order(order_id)
        settled = self._company.crew.settlement.settled_size(order_id)
        if record is None or settled is None:
            return None
        return chain_status(record, settled)

    def subscribe(self, capacity: int = 10_000) -> "asyncio.Queue[VenueEvent]":
        """Return a bounded queue of events from now on; a reader that falls behind is cut off.

        The last item of a queue that was cut off is a `paper.subscriptions.CutOff`.
        """
        return self._company.subscriptions.open(capacity)

    def unsubscribe(self, queue: "asyncio.Queue[VenueEvent]") -> None:
        """Stop a subscription."""
        self._company.subscriptions.close(queue)

    async def run(self) -> None:
        """Play the tape, mine blocks and settle trades until cancelled."""
        while True:
            # Disks may take long to flush; that happens beside the event loop, not on it.
            await asyncio.to_thread(self.store.checkpoint)
            for _ in range(STEPS_PER_CHECKPOINT):
                if not self._is_held:
                    self.step()
                await asyncio.sleep(STEP_S)

    def start(self) -> None:
        """Let a held play begin now, its markets dated anew; one that runs is left alone."""
        if self._is_held:
            self._is_held = False
            if self._tape is not None:
                self._company.show.restart(self._tape, self._speed, self.now())
                self._save()

    def step(self) -> None:
        """Do all that is due now; `run` does this many times a second."""
        now = self.now()
        self._company.show.step(now)
        self._company.office.step(now)
        if self._company.is_urgent() or now >= self._saved_at + SAVE_EVERY_MS:
            self._save()

    @property
    def hindsight(self) -> Hindsight:
        """What the venue knew a while ago."""
        return self._company.hindsight

    @property
    def is_done(self) -> bool:
        """Tell whether the tape is played, every market redeemed and every trade final."""
        return self._company.show.is_done

    @property
    def speed(self) -> Decimal:
        """Tape seconds per second of the wall clock."""
        return self._speed

    @property
    def play(self) -> Play | None:
        """The play as far as it has come, None without a tape."""
        return self._company.show.play

    @property
    def tape_header(self) -> TapeHeader | None:
        """Where the tape comes from and what in it is invented, None without a tape."""
        return None if self._tape is None else self._tape.header

    def tape_wallets(self) -> Sequence[TapeWallet]:
        """Return the made-up wallets of the tape, with their invented past."""
        return () if self._tape is None else self._tape.wallets

    def add_market(
        self, market: Market, book: Book | None = None, *, opens_itself: bool = True
    ) -> None:
        """List a market that no tape tells of; `book` is its first outcome's."""
        listing = Listing(market, self._company.play_id, opens_itself=opens_itself)
        self._company.floor.registry.add(listing)
        if book is not None:
            self.set_book(market.condition_id, book.bids, book.asks)
        self._save()

    def revise_market(self, market: Market) -> None:
        """Take over what may change of a market: terms, dates, and whether it takes orders."""
        listing = self._listing(market.condition_id)
        listing.opens_itself = False
        old, new = listing.market.tick_size, market.tick_size
        self._company.floor.registry.touch(listing)
        listing.market = replace(market, volume=max(market.volume, listing.market.volume))
        if old != new:
            changed = TickSizeChanged(market.condition_id, old, new, self.now())
            self._company.floor.publish(changed)
        self._save()

    def set_book(self, condition_id: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Record a snapshot of a market's book, in the first outcome's terms."""
        self._company.show.record(self._listing(condition_id), bids, asks, self.now())
        self._save()

    def resolve_market(self, condition_id: str, payouts: tuple[int, int]) -> None:
        """Resolve a market now; payouts in micros per share."""
        self._company.show.resolve(self._listing(condition_id), payouts, self.now())
        self._save()

    def close(self) -> None:
        """Save everything and let go of the home."""
        try:
            self._save()
        finally:
            self.store.close()

    def _listing(self, condition_id: str) -> Listing:
        listing = self._company.floor.registry.get(condition_id)
        if listing is None:
            raise KeyError(f"no market has the condition id {condition_id}")
        return listing

    def _save(self) -> None:
        # What could not be saved is not known to the file, so that nothing later may be either.
        if self._failure is not None:
            raise StoreError(f"stopped after an earlier failure: {self._failure}")
        self._saved_at = self.now()
        try:
            changes = self._company.take_changes()
            self._company.hindsight.note_balances(changes.balances, self._saved_at)
            self.store.save(changes)
        except StoreError as error:
            self._failure = error
            raise
