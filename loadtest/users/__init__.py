"""Locust users: personas, plans, conversations."""
