"""Joins ids with what people call them: markets, outcomes, whales."""

from sqlalchemy import ColumnElement, FromClause, Label, RowMapping

from storage.tables import markets, tokens, whales
from storage.views import TokenLabel, WhaleLabel
from trading.types import TokenId, Wallet

LABELS: tuple[Label[object], ...] = (
    markets.c.question.label("label_question"),
    markets.c.slug.label("label_slug"),
    markets.c.end_date.label("label_ends_at"),
    tokens.c.outcome.label("label_outcome"),
    whales.c.pseudonym.label("label_pseudonym"),
    whales.c.is_invented.label("label_is_invented"),
)
"""The columns that `join_labels` makes available."""


def join_labels(
    source: FromClause, token_id: ColumnElement[str], whale: ColumnElement[str]
) -> FromClause:
    """Join what is known of a token and a whale; what is not known leaves the row in."""
    return (
        source.outerjoin(tokens, tokens.c.token_id == token_id)
        .outerjoin(markets, markets.c.condition_id == tokens.c.condition_id)
        .outerjoin(whales, whales.c.address == whale)
    )


def read_token_label(row: RowMapping, token_id: str) -> TokenLabel:
    """Read the label of a row's token."""
    return TokenLabel(
        token_id=TokenId(token_id),
        question=row["label_question"],
        slug=row["label_slug"],
        outcome=row["label_outcome"],
        ends_at=row["label_ends_at"],
    )


def read_whale_label(row: RowMapping, wallet: str) -> WhaleLabel:
    """Read the label of a row's whale; an empty pseudonym is none."""
    return WhaleLabel(
        wallet=Wallet(wallet),
        pseudonym=row["label_pseudonym"] or None,
        is_invented=bool(row["label_is_invented"]),
    )
