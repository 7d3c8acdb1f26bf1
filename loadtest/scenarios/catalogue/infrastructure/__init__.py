"""Scenarios in which a server stops."""
