"""Incidents with their history, and who was told of each (contracts 5.3): the outbox of the alerts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0004"
down_revision = "0003"

TABLE = "alert_incidents"
CHECKS = {
    "words": "key <> '' AND detail <> ''",
    "times": "closed_at >= opened_at",
    "settled": "settled_at IS NULL OR closed_at IS NOT NULL",
}


def upgrade() -> None:
    op.drop_constraint(f"{TABLE}_pkey", TABLE)
    op.create_primary_key(f"{TABLE}_pkey", TABLE, ["key", "opened_at"])
    op.create_index(f"{TABLE}_open", TABLE, ["key"], unique=True, postgresql_where=sa.text("closed_at IS NULL"))
    for name, what in (("opening_told", "its opening"), ("end_told", "its end")):
        op.add_column(
            TABLE,
            sa.Column(
                name,
                ARRAY(sa.SmallInteger),
                nullable=False,
                server_default="{}",
                comment=f"where {what} has been told: 0 the log, n the nth address of ALERT_URLS",
            ),
        )
    op.add_column(
        TABLE,
        sa.Column("settled_at", sa.TIMESTAMP(timezone=True), comment="closed, and everybody was told so; NULL before"),
    )
    op.create_index(f"{TABLE}_unsettled", TABLE, ["opened_at"], postgresql_where=sa.text("settled_at IS NULL"))
    op.alter_column(TABLE, "key", comment="what is wrong: kind/subject; the same key later is another incident")
    for name, check in CHECKS.items():
        op.create_check_constraint(f"{TABLE}_{name}", TABLE, sa.text(check))
    # The DAGs open and close; the watch, which has their role, opens, closes and notes who was told.
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO pipeline")
