"""Names and labels of the metrics of the load. Rules, dashboards and tests use them, too."""

from typing import Final

# origin: baseline (with the page's) | scenario | journey
LOCUST_USERS: Final = "locust_users"
LOCUST_USERS_LABELS: Final = ("origin", "user")
LOCUST_REQUESTS: Final = "locust_requests_total"
LOCUST_REQUESTS_LABELS: Final = ("origin", "name", "method", "outcome")  # outcome: ok | failed
LOCUST_DURATION: Final = "locust_request_duration_seconds"
LOCUST_DURATION_LABELS: Final = ("origin", "name")
LOCUST_BOOKINGS: Final = "locust_bookings_total"
LOCUST_BOOKINGS_LABELS: Final = ("origin", "event")  # event: confirmed | cancelled
JOURNEY_RUNS: Final = "lab_journey_runs_total"
JOURNEY_RUNS_LABELS: Final = ("outcome", "step")  # step at which it failed: book | read | cancel | none
JOURNEY_DURATION: Final = "lab_journey_duration_seconds"
JOURNEY_UP: Final = "lab_journey_up"  # 1 when the newest run reached its end; absent before the first
JOURNEY_FAILURES: Final = "lab_journey_failures_in_a_row"
