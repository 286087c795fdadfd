"""A program that runs a stack with one more service until told to stop; driven by test_stack.py.

It prints one JSON line when ready: the addresses, and the process ids by name.
"""

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.services import ProcessEvent
from embedded.stack import Stack, StackSettings
from tests.embedded.programs import TOUCH_AND_SLEEP, python_service


def forget(event: ProcessEvent) -> None:
    del event


async def main(home: Path) -> int:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    stack = Stack(StackSettings(home, search_attributes={"Whale": "Keyword"}), forget)
    try:
        addresses = await stack.start()
        await stack.add(python_service("worker", TOUCH_AND_SLEEP, home / "worker.mark"))
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{json.dumps({'addresses': asdict(addresses), 'pids': stack.pids})}\n")
    sys.stdout.flush()
    await told.wait()
    await stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
