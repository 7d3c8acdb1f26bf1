"""Scenarios: declarations, preconditions, registry and catalogue."""
