from ingest.stored import until_stored
from storage.port import StorageError, StorageUnavailableError
from tests.ingest.desk import Ears


class Writes:
    """A write that fails as it is told to, then returns how often it was tried."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    async def __call__(self) -> int:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.tries


async def test_a_write_is_repeated_while_the_database_is_away(ears: Ears) -> None:
    writes = Writes(StorageUnavailableError("away"), StorageUnavailableError("away"))
    assert await until_stored(writes, ears.health, "fill") == 3
    assert ears.failures("fill") == 2


async def test_a_write_that_the_database_refuses_is_told_and_left(ears: Ears) -> None:
    writes = Writes(StorageUnavailableError("away"), StorageError("number too large"))
    assert await until_stored(writes, ears.health, "fill") is None
    assert (writes.tries, ears.failures("fill")) == (2, 2)
