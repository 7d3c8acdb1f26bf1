"""Scenarios in which the assistant fails."""
