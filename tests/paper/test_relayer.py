from tests.paper.feed_desk import open_feeds
from tests.paper.told_venue import WHALE


async def test_every_wallet_counts_as_deployed() -> None:
    async with open_feeds() as desk:
        assert await desk.get(f"/relayer/deployed?address={WHALE}&type=WALLET") == {
            "deployed": True
        }
        status, body = await desk.refused("/relayer/deployed")
        assert (status, body) == (400, {"error": "address is required"})


async def test_everything_else_is_refused_with_a_reason() -> None:
    async with open_feeds() as desk:
        response = await desk.http.post("/relayer/submit", json={})
        assert response.status == 501
        assert "relays no transactions" in (await response.json())["error"]
