"""Squared distances between rows: screened as products in float32, decided as differences in float64."""
