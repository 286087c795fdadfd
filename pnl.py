"""Answers `whalecopy pnl`: what was earned, by what, and whether it adds up."""

from answers import Answer
from inquire import Stack, open_records
from pnl_answers import answer_days, answer_groups, answer_positions_pnl
from storage.view_pnl import PnlBy, list_days, list_pnl, list_position_pnl, load_total


async def tell_pnl(settings: Stack, by: PnlBy) -> Answer:
    """Answer from the records of a running stack.

    Raises:
        InquireError: no stack runs, or its database does not answer.
    """
    async with open_records(settings) as store:
        total = await load_total(store)
        match by:
            case PnlBy.POSITION:
                return answer_positions_pnl(total, await list_position_pnl(store))
            case PnlBy.DAY:
                return answer_days(total, await list_days(store))
            case PnlBy.WHALE | PnlBy.MARKET:
                return answer_groups(total, by, await list_pnl(store, by))
