"""Weights met on a walk: their moments, and the batch statistics that belong to them."""
