"""One run: load, kills and faults together, then rest, then the audit."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path

import aiohttp
import asyncpg

from tests.chaos.audit import audit
from tests.chaos.books import Books
from tests.chaos.collect import collect_records, collect_venue, collect_workflows
from tests.chaos.figures import measure
from tests.chaos.kill_plan import plan_kills
from tests.chaos.killer import Killer
from tests.chaos.load_plan import FIRST_AT_S, Caps, plan_load
from tests.chaos.loss import Loss, lose_the_day, make_up_for_it
from tests.chaos.options import ChaosOptions
from tests.chaos.rest import PROGRESS_S, look, until_rest
from tests.chaos.sampler import Sampler
from tests.chaos.stage import NAMESPACE, TIMEOUT, Scene, open_scene, post
from tests.chaos.tape import signal_keys
from tests.chaos.verdict import Conduct, Verdict

TAIL_SHARE = 0.1  # of the load, from the last whale order until the faults stop
TAIL_S_MAX = 35.0  # an entry may rest and be tried again for two minutes
LOSE_S_MAX = 30.0
LOSE_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
HEAVY = ("postgres", "temporal", "paper", "valkey")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Weather:
    """What was done to the system while it traded."""

    killer: Killer
    faults: Mapping[str, int]
    faults_refused: str
    machine_load: float
    loss: Loss | None = None


async def run_chaos(options: ChaosOptions, say: Say) -> Verdict:
    """Run, audit, and keep the report and the logs in the home."""
    began_s = time.perf_counter()
    plan = plan_load(options)
    home = open_home(options)
    say(f"{options.trades} whale orders ({plan.sales} sales) in {plan.ends_at_s:.0f} s, {home}")
    async with open_scene(options, plan, home) as scene:
        verdict = await _run(options, scene, say, began_s)
    (home / "report.json").write_text(json.dumps(verdict.as_json(), indent=1) + "\n")
    (home / "books.json").write_text(books_as_json(verdict.books) + "\n")
    if verdict.is_passed and options.home is None:
        for name in HEAVY:
            shutil.rmtree(home / name, ignore_errors=True)
    return verdict


def open_home(options: ChaosOptions) -> Path:
    """Return the directory of the run, made if need be; one that was used already is refused."""
    if options.home is None:
        return Path(tempfile.mkdtemp(prefix="whalecopy-chaos-"))
    home = options.home.absolute()
    if home.exists() and any(home.iterdir()):
        raise SystemExit(f"expected a new directory, {home} has files in it")
    home.mkdir(parents=True, exist_ok=True)
    return home


async def _run(options: ChaosOptions, scene: Scene, say: Say, began_s: float) -> Verdict:
    plan, caps = scene.plan, _by_scope(scene.plan.caps)
    sampler = Sampler(scene.addresses.database_url, caps)
    sampling = asyncio.create_task(sampler.run())
    failing = asyncio.create_task(scene.stack.wait_failed())
    working = asyncio.create_task(_trade(options, scene, say))
    try:
        await asyncio.wait({failing, working}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            raise failing.result()
        weather, quiescent_s = working.result()
    finally:
        for task in (sampling, failing, working):
            task.cancel()
        await asyncio.wait({sampling, failing, working})
    say("auditing")
    books = Books(
        wallet=scene.wallet,
        planned=signal_keys(plan),
        caps=caps,
        samples=sampler.samples,
        quiescent_s=quiescent_s,
    )
    books = await _filled(books, options, scene)
    loss = weather.loss.seen_in(books) if weather.loss is not None else None
    return Verdict(
        options=options,
        plan=plan,
        books=books,
        figures=measure(books),
        violations=(*audit(books), *(loss.violations() if loss is not None else ())),
        conduct=_conduct(scene, weather, time.perf_counter() - began_s),
        home=scene.home,
    )


async def _trade(options: ChaosOptions, scene: Scene, say: Say) -> tuple[Weather, float | None]:
    """Play the load under kills and faults; then stop both and wait for rest."""
    plan = scene.plan
    refused = await _begin_faults(options, scene)
    kills = plan_kills(options.kills, FIRST_AT_S, plan.ends_at_s, options.seed)
    killer = Killer(scene, kills)
    await post(scene.venue_url, "/_paper/start")
    started_s = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(_tell(options, scene, killer, say))
        striking = group.create_task(killer.run(started_s))
        loss = await _load(options, scene)
        await striking
        telling.cancel()
    faults = {} if refused else await _end_faults(options, scene)
    say("the load is over, faults and kills have stopped")
    if loss is not None:
        await make_up_for_it(scene.addresses.database_url)
    weather = Weather(killer, faults, refused, os.getloadavg()[0], loss)
    return weather, await until_rest(scene, options.trades, say)


async def _load(options: ChaosOptions, scene: Scene) -> Loss | None:
    """Wait until the load is over; in its middle the day may be lost."""
    ends_at_s = scene.plan.ends_at_s
    tail_s = min(TAIL_S_MAX, TAIL_SHARE * ends_at_s)
    if not options.loses_day:
        await asyncio.sleep(ends_at_s + tail_s)
        return None
    began_s = time.monotonic()
    await asyncio.sleep(ends_at_s / 2)
    loss = await _lost(scene)
    await asyncio.sleep(max(ends_at_s + tail_s - (time.monotonic() - began_s), 0))
    return loss


async def _lost(scene: Scene) -> Loss:
    """Lose the day, whatever is away just then."""
    async with asyncio.timeout(LOSE_S_MAX):
        while True:
            try:
                return await lose_the_day(scene.addresses.database_url, scene.wallet)
            except LOSE_ERRORS:
                await asyncio.sleep(0.2)


async def _tell(options: ChaosOptions, scene: Scene, killer: Killer, say: Say) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while True:
        await asyncio.sleep(PROGRESS_S)
        standing = await look(scene)
        at = f"{loop.time() - began_s:.0f}/{scene.plan.ends_at_s:.0f} s"
        struck = f"{killer.struck.total()}/{options.kills} kills"
        say(f"{at}  {struck}  {standing or 'a server is away'}")


async def _begin_faults(options: ChaosOptions, scene: Scene) -> str:
    """Put the venue's fault profile in force; return why there are none, if so."""
    if options.faults == "none":
        return "none"
    plan = {"seed": options.seed, "profile": options.faults}
    status = await post(scene.venue_url, "/_paper/faults", plan)
    return "" if status == 200 else f"refused by the venue: HTTP {status}"


async def _end_faults(options: ChaosOptions, scene: Scene) -> Mapping[str, int]:
    """End all faults; return how often each had struck."""
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.get(f"{scene.venue_url}/_paper/faults") as answer,
    ):
        told = await answer.json()
    status = await post(
        scene.venue_url, "/_paper/faults", {"seed": options.seed, "profile": "none"}
    )
    assert status == 200, f"expected the faults to end, received HTTP {status}"
    struck: Counter[str] = Counter()
    for rule in told["rules"]:
        struck[f"{rule['at']} {rule['fault']}"] += int(rule["struck"])
    return struck


async def _filled(books: Books, options: ChaosOptions, scene: Scene) -> Books:
    """Return the books with both sides in them."""
    found: dict[str, object] = {}
    found |= await collect_records(scene.addresses.database_url, books)
    found |= await collect_venue(scene.venue_url, books.wallet)
    address = scene.addresses.temporal_address
    found |= await collect_workflows(address, NAMESPACE, options.seed)
    return replace(books, **found)  # type: ignore[arg-type]


def books_as_json(books: Books) -> str:
    """Write all rows of both sides, so that every id of a violation can be looked up."""
    rows = asdict(books)
    rows["planned"] = [[*key, number] for key, number in books.planned.items()]
    return json.dumps(rows, default=str, indent=1)


def _conduct(scene: Scene, weather: Weather, seconds: float) -> Conduct:
    alone = Counter(f"{d.name} {d.code}" for d in scene.nursery.deaths if d.code != -9)
    return Conduct(
        kills=dict(weather.killer.struck),
        kills_missed=weather.killer.missed.total(),
        faults=weather.faults,
        faults_refused=weather.faults_refused,
        ended_alone=alone,
        seconds=seconds,
        machine_load=weather.machine_load,
    )


def _by_scope(caps: Caps) -> Mapping[str, Decimal]:
    return {
        "WALLET": Decimal(caps.wallet),
        "WHALE": Decimal(caps.whale),
        "MARKET": Decimal(caps.market),
        "POSITION": Decimal(caps.position),
    }
