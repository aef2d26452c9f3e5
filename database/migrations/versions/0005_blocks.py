"""How often the source has limited requests on a day: the pause it is given grows (contracts 5.3, source_budget)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "source_budget",
        sa.Column(
            "blocks",
            sa.Integer,
            nullable=False,
            server_default="0",
            comment="how often the source has asked to wait on that day; those noted while one holds count once",
        ),
    )
    op.create_check_constraint("source_budget_blocks", "source_budget", "blocks >= 0")
