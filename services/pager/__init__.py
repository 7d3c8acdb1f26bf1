"""The lab's pager: receives Alertmanager's notifications, opens incidents, shows them and the runbooks."""
