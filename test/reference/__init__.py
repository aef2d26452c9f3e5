"""The rules once more, in pandas and numpy, from RULES.md alone: what the batch programs are held against."""
