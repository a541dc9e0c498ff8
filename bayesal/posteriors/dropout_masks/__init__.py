"""Dropout as masks that all points share: found where it is called, drawn once, evaluated fast."""
