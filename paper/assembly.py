"""Puts the parts of the venue together, from what an earlier process has left."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from paper.chain import FIRST_BLOCK, Chain
from paper.crowd import Crowd
from paper.crowd_flow import CrowdFlow
from paper.desk import Desk
from paper.fault_cancel import Canceller
from paper.faults import Faults
from paper.filler import Filler
from paper.hindsight import Hindsight
from paper.late import Late
from paper.ledger import Ledger
from paper.model import VenueEvent, VenueSettings
from paper.office import Grounds, Office
from paper.orders import Orders
from paper.pit import Pit
from paper.playback import Play
from paper.redemption import Redemption
from paper.registry import Listing, Registry
from paper.settlement import Floor, Settlement
from paper.show import Crew, Show
from paper.store import Changes, SavedListing, Store, StoreError
from paper.subscriptions import Subscriptions
from paper.tape import Tape


@dataclass(frozen=True, slots=True)
class Opening:
    """What a venue is opened with; `fresh_id` names the play if another one begins."""

    tape: Tape | None
    settings: VenueSettings
    speed: Decimal
    market_limit: int | None
    resume: bool
    fresh_id: str
    faults: Faults


@dataclass(slots=True)
class Company:
    """All parts of a running venue."""

    play_id: str
    floor: Floor
    crew: Crew
    show: Show
    subscriptions: Subscriptions
    redemptions: list[Redemption]
    canceller: Canceller
    hindsight: Hindsight
    office: Office

    def is_urgent(self) -> bool:
        """Tell whether something must be on disk before anybody acts on it."""
        floor = self.floor
        return (
            floor.ledger.has_changes
            or floor.orders.has_changes
            or floor.chain.has_changes
            or self.crew.settlement.has_changes
            or self.crew.late.has_changes
            or self.office.has_changes
        )

    def take_changes(self) -> Changes:
        """Return everything that has to be saved; it all belongs to one moment."""
        blocks, logs = self.floor.chain.take_changes()
        redemptions = [*self.show.take_redemptions(), *self.office.take_redemptions()]
        self.redemptions += redemptions
        return Changes(
            play=self.show.play,
            balances=list(self.floor.ledger.take_changes()),
            orders=self.floor.orders.take_changes(),
            trades=self.crew.settlement.take_changes(),
            listings=self.floor.registry.take_changes(),
            blocks=blocks,
            logs=logs,
            redemptions=redemptions,
            transactions=self.office.take_changes(),
            late=self.crew.late.take_changes(),
        )


def open_company(store: Store, opening: Opening, now: int) -> Company:
    """Build the venue on its store and begin or go on with a play."""
    play = _choose_play(store, opening, now)
    play_id = opening.fresh_id if play is None else play.play_id
    subscriptions = Subscriptions()
    registry = Registry()
    hindsight = Hindsight(registry, opening.faults)

    def publish(event: VenueEvent) -> None:
        hindsight.note(event)
        subscriptions.publish(event)

    floor = _load_floor(store, opening, registry, publish)
    settlement = Settlement(floor, opening.settings, play_id)
    settlement.load(store.load_trades())
    pit = Pit(floor, settlement, play_id)
    settings = opening.settings
    filler = Filler(settings.filler_fills_per_s, settings.seed, floor.crowd, play_id)
    desk = Desk(floor, pit)
    late = Late(desk, floor.orders)
    late.load(store.load_late())
    crowd_flow = CrowdFlow(floor, pit)
    crew = Crew(settlement, pit, desk, crowd_flow, filler, late)
    show = Show(floor, crew, redeems_all=settings.auto_redeem)
    if opening.tape is not None and play is not None:
        show.begin(opening.tape, play, opening.speed, is_v1=settings.v1_dialect)
    for condition_id, side, price, size in store.load_taken():
        listing = floor.registry.get(condition_id)
        if listing is not None and not listing.market.closed:
            listing.book.restore_taken(side, price, size)
    crew.desk.restore(crew.late.is_waiting)
    canceller = Canceller(floor, desk, crowd_flow)
    office = _open_office(store, floor, settings)
    return Company(
        play_id=play_id,
        floor=floor,
        crew=crew,
        show=show,
        subscriptions=subscriptions,
        redemptions=store.load_redemptions(),
        canceller=canceller,
        hindsight=hindsight,
        office=office,
    )


def _open_office(store: Store, floor: Floor, settings: VenueSettings) -> Office:
    grounds = Grounds(floor.ledger, floor.registry, floor.chain, floor.faults, floor.publish)
    office = Office(grounds, settings)
    office.load(store.load_transactions())
    return office


def _choose_play(store: Store, opening: Opening, now: int) -> Play | None:
    if opening.tape is None:
        return None
    header = opening.tape.header
    plays = store.load_plays() if opening.resume else []
    if not plays:
        return Play(
            play_id=opening.fresh_id,
            tape_name=header.name,
            market_limit=opening.market_limit,
            started_at=now,
            anchored_at=now,
            tape_at=header.starts_at,
        )
    last = plays[-1]
    if last.tape_name != header.name:
        raise StoreError(
            f"play {last.play_id} is of the tape {last.tape_name!r} and cannot be resumed "
            f"with {header.name!r}"
        )
    return replace(last, anchored_at=now)


def _load_floor(
    store: Store, opening: Opening, registry: Registry, publish: Callable[[VenueEvent], None]
) -> Floor:
    ledger, orders = Ledger(), Orders()
    ledger.load(store.load_balances())
    orders.load(store.load_orders())
    for saved in store.load_listings():
        registry.add(_restored(saved))
    registry.take_changes()
    chain = Chain(FIRST_BLOCK)
    blocks = store.load_blocks()
    if blocks:
        chain.load(blocks, store.load_logs(blocks[0][0]))
    wallets = () if opening.tape is None else opening.tape.wallets
    crowd = Crowd(wallet.address for wallet in wallets)
    return Floor(ledger, registry, orders, crowd, chain, publish, opening.faults)


def _restored(saved: SavedListing) -> Listing:
    return Listing(
        market=saved.market,
        play_id=saved.play_id,
        resolves_at=saved.resolves_at,
        result=saved.result,
        redeems_at=saved.redeems_at,
        is_redeemed=saved.is_redeemed,
        last_price=saved.last_price,
    )
