"""Faults of the assistant: what can be broken on purpose, and how each is done."""
