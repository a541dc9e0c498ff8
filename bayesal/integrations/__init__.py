"""Doors to other libraries: their types stop here."""
