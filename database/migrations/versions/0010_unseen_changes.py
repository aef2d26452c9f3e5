"""Since when rows may have changed that a run has not seen: a writer that began before it commits after it has read."""

from alembic import op

revision = "0010"
down_revision = "0009"

# Runs of before: as they were judged until now.
STATEMENTS = (
    "ALTER TABLE process_executions ADD reads_since timestamptz",
    "UPDATE process_executions SET reads_since = started_at",
    "ALTER TABLE process_executions ALTER reads_since SET NOT NULL, ALTER reads_since SET DEFAULT now()",
    "COMMENT ON COLUMN process_executions.reads_since IS 'wall clock; what changed after it may be unknown to the run'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
