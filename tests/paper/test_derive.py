"""Tests of names that follow from what they are named after."""

from polymarket._internal.protocol import decode_v2_outcome_position_id, is_v2_position_id
from polymarket.models.types import PositionId, to_market_condition_id

from paper.derive import (
    account_name,
    ctf_ids,
    draw,
    hash_text,
    protocol_v2_ids,
    uuid_text,
    wallet_address,
)


def test_the_same_parts_always_make_the_same_name() -> None:
    assert hash_text("a", 1) == hash_text("a", 1) != hash_text("a", 2)
    assert len(hash_text("a")) == 66
    assert uuid_text("a") == uuid_text("a") != uuid_text("b")
    assert uuid_text("a")[14] == "4"


def test_draws_stay_below_their_bound_and_reach_all_numbers() -> None:
    assert {draw(5, number) for number in range(200)} == {0, 1, 2, 3, 4}


def test_an_address_is_one_account_however_it_is_written() -> None:
    address = wallet_address("somebody")
    assert account_name(address.lower()) == account_name(address) == address
    assert account_name("fees") == "fees"


def test_clients_take_ctf_tokens_for_what_they_are() -> None:
    condition_id, tokens = ctf_ids("play", "recorded")
    assert len(condition_id) == 66
    assert not any(is_v2_position_id(token) for token in tokens)
    assert tokens[0] != tokens[1]


def test_clients_decode_protocol_v2_positions_to_their_market() -> None:
    condition_id, tokens = protocol_v2_ids("play", "recorded")
    for index, token in enumerate(tokens):
        assert is_v2_position_id(token)
        decoded = decode_v2_outcome_position_id(PositionId(token))
        assert decoded.outcome_index == index
        assert to_market_condition_id(decoded.condition_id) == condition_id


def test_another_play_has_other_markets() -> None:
    assert ctf_ids("one", "recorded") != ctf_ids("two", "recorded")
    assert protocol_v2_ids("one", "recorded") != protocol_v2_ids("two", "recorded")
