"""Scenarios in which the model provider fails."""
