"""# Platform maintenance

**What** A backup of the database, then what only grows and is no result is deleted when it is old, the tables are
vacuumed, and the data are checked: findings are on the dashboard's pipeline page.

**When** 03:00 UTC on Sundays. **Needs** PostgreSQL, and room for a backup. **Writes** a file in the market's folder
`backups/`, `data_quality_findings`.

**If it fails** the last log line says why: no room, or the database is away. Mend that and clear the failed task.
Nothing is deleted before a backup is whole.

**Again** trigger it: a backup more is made, the oldest goes. To restore one: `./start.sh run database/restore.py FILE`.
"""

from airflow.sdk import DAG
from stages import back_up, check_data, dag_arguments, delete_old, in_order

with DAG(
    "platform_maintenance_dag",
    schedule="0 3 * * 0",
    doc_md=__doc__,
    description="Backup, retention, vacuum, data check",
    tags=["weekly", "platform"],
    **dag_arguments({}),
):
    in_order(back_up(), delete_old(), check_data())
