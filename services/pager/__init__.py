"""The lab's pager: receives Alertmanager's notices, keeps incidents with a timeline, shows them and the runbooks."""
