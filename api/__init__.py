"""The REST API: what the tables publish, over HTTP (contracts 6)."""

VERSION = "0.1.0"
