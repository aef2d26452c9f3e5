"""The backfill programs (contracts 3): the producers' own code, made for hours in which a person looks on."""
