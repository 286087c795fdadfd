"""`make chaos`: trade while processes are killed and the venue misbehaves, then audit.

    python -m tests.chaos --trades 1000 --kills 200 --seed 7

Exit status 0: no invariant was violated and every target was met; 1: not so, or it could not run.
The last line of the output is the report as JSON; it stays in the home, with the logs.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable

from embedded.errors import EmbeddedError
from tests.chaos.nursery import NurseryError
from tests.chaos.options import ChaosOptions, parse_options
from tests.chaos.plants import PLANTS
from tests.chaos.run import run_chaos
from tests.chaos.verdict import Verdict

INTERRUPTED = 130


def main(words: list[str]) -> int:
    """Run and report; return the exit status."""
    options = parse_options(words)
    if options.plant and options.plant not in PLANTS:
        return _fail(f"expected a plant of {', '.join(PLANTS)}, received {options.plant}")
    try:
        verdict = asyncio.run(_run(options, _silent if options.as_json else _say))
    except (EmbeddedError, NurseryError) as error:
        return _fail(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("interrupted; everything was stopped\n")
        return INTERRUPTED
    if not options.as_json:
        for line in verdict.lines():
            _say(line)
    _say(json.dumps(verdict.as_json()))
    return 0 if verdict.is_passed else 1


async def _run(options: ChaosOptions, say: Callable[[str], None]) -> Verdict:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run_chaos(options, say)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _silent(text: str) -> None:
    del text


def _fail(message: str) -> int:
    sys.stderr.write(f"chaos: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
