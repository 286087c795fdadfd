from datetime import timedelta

from activities.pauses import rest


async def test_a_pause_takes_its_time() -> None:
    await rest(timedelta(0))
