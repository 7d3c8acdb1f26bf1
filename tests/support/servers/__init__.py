"""Servers and clients for tests."""
