"""The backfill programs of the design: the producers' own code, made for hours in which a person looks on."""
