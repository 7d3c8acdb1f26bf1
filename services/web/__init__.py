"""Shared by our Flask services: problem documents, admin API, faults, OpenAPI, gunicorn's settings."""
