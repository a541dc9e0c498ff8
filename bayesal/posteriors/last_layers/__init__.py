"""Beliefs about a last layer, on features that a network computes once a point."""
