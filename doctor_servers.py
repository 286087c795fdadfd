"""What is looked at of the servers behind us: PostgreSQL, Redis, Temporal and who works for it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client

from doctor_findings import Finding, Level
from doctor_venue import judge_clock
from storage.migrate import SCHEMA_VERSION
from storage.server_facts import CacheFacts, ServerFacts, load_cache_facts, load_server_facts
from trading.admission import clock_offset
from workflows import names

RETENTION_MIN = timedelta(days=3)
FORGETFUL = tuple(f"allkeys-{which}" for which in ("lru", "lfu", "random")) + tuple(
    f"volatile-{which}" for which in ("lru", "lfu", "random", "ttl")
)
RPC_TIMEOUT = timedelta(seconds=4)

Clock = Callable[[], datetime]


async def look_at_database(url: str, clock: Clock) -> Sequence[Finding]:
    """Return what PostgreSQL says of itself and of our role."""
    sent_at = clock()
    facts = await load_server_facts(url)
    offset = clock_offset(sent_at, clock(), facts.now, timedelta())
    return [*judge_database(facts), judge_clock("database's clock", offset)]


def judge_database(facts: ServerFacts) -> Sequence[Finding]:
    """Judge what a database says."""
    return [_schema(facts), _durability(facts), _role(facts), *_transport(facts)]


def _schema(facts: ServerFacts) -> Finding:
    expected, found = f"schema version {SCHEMA_VERSION}", facts.schema or "no schema"
    if facts.schema == SCHEMA_VERSION:
        return Finding("schema", Level.GREEN, expected, found)
    is_newer = facts.schema is not None and facts.schema > SCHEMA_VERSION
    advice = "run the build that made it" if is_newer else "`whalecopy db migrate`"
    return Finding("schema", Level.RED, expected, found, advice)


def _durability(facts: ServerFacts) -> Finding:
    expected = "a database that keeps what it has committed"
    words = f"PostgreSQL {facts.version}"
    if not facts.unsafe:
        return Finding("durability", Level.GREEN, expected, f"{words}: fsync is on")
    switches = ", ".join(facts.unsafe)
    advice = f"set {switches} to on: a power cut would lose orders"
    return Finding("durability", Level.RED, expected, f"{words}: {switches} off", advice)


def _role(facts: ServerFacts) -> Finding:
    expected = "a role with the rights of its process, and no more"
    if facts.unreadable:
        found = f"{facts.role} may not read {', '.join(facts.unreadable[:5])}"
        return Finding("role", Level.RED, expected, found, "`whalecopy db roles` gives the rights")
    if facts.is_superuser and not facts.is_near:
        advice = "`whalecopy db roles`, then give each process its own DATABASE_URL"
        return Finding("role", Level.AMBER, expected, f"{facts.role}, a superuser", advice)
    return Finding("role", Level.GREEN, expected, facts.role)


def _transport(facts: ServerFacts) -> Sequence[Finding]:
    if facts.is_near or facts.is_tls:
        return []
    advice = "add sslmode=verify-full and sslrootcert=… to DATABASE_URL"
    found = "plain words over the network"
    return [Finding("database's wire", Level.AMBER, "TLS to another machine", found, advice)]


async def look_at_cache(url: str) -> Sequence[Finding]:
    """Return what Redis says of itself."""
    return [judge_cache(await load_cache_facts(url))]


def judge_cache(facts: CacheFacts) -> Finding:
    """Judge what a cache says; nothing in it is worth keeping, so it must forget when full."""
    expected = "a cache that forgets when it is full"
    found = f"{facts.version}, {facts.policy}"
    if facts.policy in FORGETFUL or not facts.memory_max:
        return Finding("redis", Level.GREEN, expected, found)
    advice = "set maxmemory-policy allkeys-lru: a full cache would refuse marks"
    return Finding("redis", Level.AMBER, expected, found, advice)


async def look_at_temporal(client: Client) -> Sequence[Finding]:
    """Return what Temporal says of our namespace."""
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    kept_for = described.config.workflow_execution_retention_ttl.ToTimedelta()
    return [
        judge_retention(client.namespace, kept_for),
        judge_attributes(
            {
                name: IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").title()
                for name, kind in listed.custom_attributes.items()
            }
        ),
    ]


def judge_retention(namespace: str, kept_for: timedelta) -> Finding:
    """Judge how long closed workflows can be looked at."""
    expected = f"closed workflows kept for {RETENTION_MIN.days} days or more"
    found = f"namespace {namespace}: {kept_for.days} days"
    if kept_for >= RETENTION_MIN:
        return Finding("namespace", Level.GREEN, expected, found)
    advice = f"raise the retention of namespace {namespace}"
    return Finding("namespace", Level.AMBER, expected, found, advice)


def judge_attributes(known: Mapping[str, str]) -> Finding:
    """Judge the search attributes: a workflow whose attribute is not known does not start."""
    wanted = names.SEARCH_ATTRIBUTES
    wrong = [name for name, kind in wanted.items() if known.get(name) != kind]
    expected = f"{len(wanted)} search attributes"
    if not wrong:
        return Finding("search attributes", Level.GREEN, expected, "all are there")
    advice = "`whalecopy up` adds them; one of another type must be taken away by hand"
    found = f"not there, or of another type: {', '.join(wrong)}"
    return Finding("search attributes", Level.RED, expected, found, advice)


async def look_at_workers(client: Client, build: str) -> Sequence[Finding]:
    """Return who works for Temporal, and whether he runs this build."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=names.TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=RPC_TIMEOUT,
    )
    builds = {poller.identity: _build_of(poller) for poller in answer.pollers}
    return [judge_workers(builds, build)]


def _build_of(poller: object) -> str:
    capabilities = getattr(poller, "worker_version_capabilities", None)
    options = getattr(poller, "deployment_options", None)
    return getattr(options, "build_id", "") or getattr(capabilities, "build_id", "")


def judge_workers(builds: Mapping[str, str], build: str) -> Finding:
    """Judge the builds of the workers by their identities; an unknown build is not another one."""
    expected = f"workers of build {build}"
    if not builds:
        return Finding("workers", Level.GREEN, expected, "none has asked for work lately")
    others = sorted({each for each in builds.values() if each and each != build})
    if not others:
        return Finding("workers", Level.GREEN, expected, f"{len(builds)} of this build")
    advice = "stop the workers of the other build, or start this one as theirs"
    found = f"{len(builds)} workers, some of build {', '.join(others)}"
    return Finding("workers", Level.AMBER, expected, found, advice)
