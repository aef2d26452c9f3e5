"""Routes, one router a noun."""
