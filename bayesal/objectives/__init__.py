"""Objectives: what a network is trained for beyond the likelihood of its labels."""
