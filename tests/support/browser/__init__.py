"""Chromium and the pages of the services for tests."""
