"""Pages, actions and runbooks."""
