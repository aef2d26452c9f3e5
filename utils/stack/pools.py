"""Airflow's pools: how many tasks of a kind run at once.

python -m utils.stack.pools    # as `airflow pools import` reads them
"""

import json

POOLS = {"yahoo": 1, "spark": 1}
"""Slots of each pool: the source is asked by one program at a time, and two cores carry one Spark job."""


if __name__ == "__main__":
    print(
        json.dumps(
            {name: {"slots": slots, "description": "", "include_deferred": False} for name, slots in POOLS.items()}
        )
    )
