"""Intake of notifications: webhook and mail."""
