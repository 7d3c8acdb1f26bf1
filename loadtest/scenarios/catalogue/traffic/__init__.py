"""Scenarios of traffic without a fault."""
