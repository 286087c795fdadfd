"""What encryption adds to each payload that goes to Temporal or comes from it.

    python bench/codec.py [--count 2000] [--json]

Times a payload of a trade's usual size through the codec, there and back, by the wall clock and by
the processor's. For a whole trade run `bench/latency.py` with and without WHALECOPY_CODEC_KEYS.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from bench._stand import machine, percentile
from codec import SealedCodec
from codec_keys import KeyRing, add_key

SIZES = (100, 1_000, 10_000)
WARM_UP = 50


async def measure(
    work: Callable[[Sequence[Payload]], Awaitable[list[Payload]]], payload: Payload, count: int
) -> dict[str, float]:
    """Return microseconds a payload: percentiles of the wall clock, the mean of the processor's."""
    for _ in range(WARM_UP):
        await work([payload])
    took: list[float] = []
    began = time.process_time()
    for _ in range(count):
        at = time.perf_counter()
        await work([payload])
        took.append((time.perf_counter() - at) * 1e6)
    spent = (time.process_time() - began) / count * 1e6
    found = {f"p{share}_us": round(percentile(took, share / 100), 1) for share in (50, 90, 99)}
    return {"n": count, **found, "cpu_us": round(spent, 1)}


async def run(count: int) -> dict[str, object]:
    """Measure every size, both ways."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        add_key(keys, datetime.now(UTC))
        context = WorkflowSerializationContext("default", f"copy-{'a' * 64}")
        codec = SealedCodec(KeyRing(keys), "default").with_context(context)
    found: dict[str, object] = {"machine": machine()}
    for size in SIZES:
        payload = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * size)
        (sealed,) = await codec.encode([payload])
        found[f"encode_{size}"] = await measure(codec.encode, payload, count)
        found[f"decode_{size}"] = await measure(codec.decode, sealed, count)
        found[f"bytes_more_{size}"] = sealed.ByteSize() - payload.ByteSize()
    return found


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(run(options.count))
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:16} {figure}" for name, figure in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
