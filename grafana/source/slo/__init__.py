"""The dashboard "SLOs and incidents"."""
