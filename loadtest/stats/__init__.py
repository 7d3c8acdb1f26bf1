"""Statistics of the users, as Prometheus metrics."""
