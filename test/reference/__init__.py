"""The rules once more, in pandas and numpy, from rules.md alone: what the batch programs are held against."""
