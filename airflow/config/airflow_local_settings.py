"""What Airflow's services load once, at their start.

A DAG file is read in a process of its own, every 15 seconds: without this each of them would load the settings' library
anew, which takes longer than the rest of the file. Who changes `config/settings.py` starts the services again.
"""

import config.settings  # noqa: F401

__all__: list[str] = []  # Airflow takes every other name for one of its own settings
