from storage.watch_port import SHARDS, shard_of
from trading.types import TokenId


def test_a_token_belongs_to_the_same_shard_in_every_process() -> None:
    assert [shard_of(TokenId(token)) for token in ("1", "2", "71321045679252212594")] == [7, 5, 5]


def test_tokens_are_spread_over_all_shards() -> None:
    assert {shard_of(TokenId(str(number))) for number in range(200)} == set(range(SHARDS))
