"""Roles of the database, named once: each has a password of its own and the rights its programs need (contracts 8)."""

ROLES: tuple[str, ...] = ("migrate", "collector", "consumer", "batch", "api", "pipeline", "airflow")
