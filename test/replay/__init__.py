"""The market replay (contracts 9): a local server that speaks Yahoo's HTTP API for a market directory, and the
generator of a synthetic one. Nothing here is used against the real source."""
