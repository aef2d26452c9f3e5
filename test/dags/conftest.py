"""Airflow for parsing only: its own home, no database, nothing of the machine's configuration."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).resolve().parents[2] / "airflow" / "dags"


@pytest.fixture(scope="session")
def dagbag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """All DAG files of ours, parsed as the DAG processor does."""
    for name in [name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))]:
        del os.environ[name]
    home = tmp_path_factory.mktemp("airflow")
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    sys.path.insert(0, str(DAGS))  # the DAG processor does so, too
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - reads the environment when imported

    yield DagBag(dag_folder=str(DAGS))
    sys.path.remove(str(DAGS))
