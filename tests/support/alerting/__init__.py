"""Rules, their tests and their proof; Alertmanager and the pager as processes."""
