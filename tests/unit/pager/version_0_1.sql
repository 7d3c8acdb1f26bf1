-- What version 0.1 left behind: one incident that is over, one that is open, and a heartbeat.
BEGIN TRANSACTION;
CREATE TABLE events (
	id INTEGER NOT NULL,
	incident_id INTEGER NOT NULL,
	at DATETIME NOT NULL,
	event VARCHAR(20) NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(incident_id) REFERENCES incidents (id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES(1,1,'2026-11-22 14:00:00.123456','fired','50% of the requests to assistant failed in the last minute (threshold 10%)');
INSERT INTO "events" VALUES(2,1,'2026-11-22 22:27:08.015727','notified','Alertmanager told the pager (receiver application, 1 alert), 30428 s after the alert fired');
INSERT INTO "events" VALUES(3,1,'2026-11-22 14:03:20.000000','resolved','All alerts of the group are over, after 200 s');
INSERT INTO "events" VALUES(4,2,'2026-11-22 14:10:00.000000','fired','50% of the requests to assistant failed in the last minute (threshold 10%)');
INSERT INTO "events" VALUES(5,2,'2026-11-22 22:27:08.260136','notified','Alertmanager told the pager (receiver application, 1 alert), 29828 s after the alert fired');
CREATE TABLE heartbeats (
	name VARCHAR(200) NOT NULL,
	heard_at DATETIME NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "heartbeats" VALUES('Watchdog','2026-11-22 22:27:08.358207');
CREATE TABLE incidents (
	id INTEGER NOT NULL,
	group_key VARCHAR(64) NOT NULL,
	alert VARCHAR(200) NOT NULL,
	severity VARCHAR(20) NOT NULL,
	service VARCHAR(200) NOT NULL,
	receiver VARCHAR(200) NOT NULL,
	summary TEXT NOT NULL,
	description TEXT NOT NULL,
	links JSON NOT NULL,
	instances JSON NOT NULL,
	opened_at DATETIME NOT NULL,
	notified_at DATETIME NOT NULL,
	resolved_at DATETIME,
	notices INTEGER NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "incidents" VALUES(1,'6b1c4d17756c51ba854f2fe8ff22c4f0220362df3545052b3b2244886f3b3828','ErrorRateCritical','page','assistant','application','50% of the requests to assistant failed in the last minute (threshold 10%)','More than one in ten finished requests ended in an error.','{"runbook": "http://127.0.0.1:5003/runbooks/ErrorRateCritical", "dashboard": "http://127.0.0.1:3000/d/service", "logs": "http://127.0.0.1:3000/explore?orgId=1", "prometheus": "http://127.0.0.1:9090/graph?g0.expr=up"}','{"9c1cf9a8b6a1ad8e": {"labels": {"alertname": "ErrorRateCritical", "job": "assistant", "role": "symptom", "service": "assistant", "severity": "page"}, "started_at": "2026-11-22T14:00:00.123456+00:00", "ended_at": "2026-11-22T14:03:20+00:00"}}','2026-11-22 14:00:00.123456','2026-11-22 22:27:08.015727','2026-11-22 14:03:20.000000',2);
INSERT INTO "incidents" VALUES(2,'6b1c4d17756c51ba854f2fe8ff22c4f0220362df3545052b3b2244886f3b3828','ErrorRateCritical','page','assistant','application','50% of the requests to assistant failed in the last minute (threshold 10%)','More than one in ten finished requests ended in an error.','{"runbook": "http://127.0.0.1:5003/runbooks/ErrorRateCritical", "dashboard": "http://127.0.0.1:3000/d/service", "logs": "http://127.0.0.1:3000/explore?orgId=1", "prometheus": "http://127.0.0.1:9090/graph?g0.expr=up"}','{"9c1cf9a8b6a1ad8e": {"labels": {"alertname": "ErrorRateCritical", "job": "assistant", "role": "symptom", "service": "assistant", "severity": "page"}, "started_at": "2026-11-22T14:10:00+00:00", "ended_at": null}}','2026-11-22 14:10:00.000000','2026-11-22 22:27:08.260136',NULL,1);
CREATE UNIQUE INDEX one_open_incident_per_group ON incidents (group_key) WHERE resolved_at IS NULL;
CREATE INDEX incidents_by_opening ON incidents (opened_at);
CREATE INDEX ix_events_incident_id ON events (incident_id);
COMMIT;
