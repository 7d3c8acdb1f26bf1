"""Every metric, label, log kind and span name of our services, written once.

Dashboards (`grafana/source`), the assistant, the model server and the pager import from here; rules and runbooks are
text files and are tested against it.
"""

from typing import Final

# --- HTTP, as the OpenTelemetry semantic conventions name it -----------------------------------------------------
HTTP_DURATION: Final = "http_server_request_duration_seconds"
HTTP_ACTIVE: Final = "http_server_active_requests"
HTTP_LABELS: Final = ("http_request_method", "http_route", "http_response_status_code")
# Seconds. The conventions' buckets end at 10 s and are sparse between 1 and 5 s, where language models live.
HTTP_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0)

# --- GenAI, as the semantic conventions name it ------------------------------------------------------------------
GEN_AI_DURATION: Final = "gen_ai_client_operation_duration_seconds"
GEN_AI_TOKENS: Final = "gen_ai_client_token_usage"
GEN_AI_LABELS: Final = ("gen_ai_operation_name", "gen_ai_request_model", "error_type")
GEN_AI_TOKEN_LABELS: Final = ("gen_ai_operation_name", "gen_ai_request_model", "gen_ai_token_type")
GEN_AI_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
TOKEN_BUCKETS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384)

# --- The assistant's own ------------------------------------------------------------------------------------------
# A finished user request. outcome: ok | fallback | error. An answer of 400 to 499 is not counted here: it is the
# user's to mend, never an error of the service, and stands in REJECTED.
AI_REQUESTS: Final = "ai_requests_total"
AI_REQUESTS_LABELS: Final = ("route", "outcome", "business_id")
AI_RESPONSE_TIME: Final = "ai_response_time_seconds"
AI_RESPONSE_TIME_LABELS: Final = ("route",)
REJECTED: Final = "ai_rejected_requests_total"
REJECTED_LABELS: Final = ("route", "reason")
AI_TOKENS: Final = "ai_tokens_total"
AI_TOKENS_LABELS: Final = ("type", "model")  # type: input | output
AI_COST: Final = "ai_cost_dollars_total"
AI_COST_LABELS: Final = ("model",)
APPOINTMENTS: Final = "ai_appointments_total"
APPOINTMENTS_LABELS: Final = ("action", "kind")  # action: booked | moved | cancelled; kind: hair | dentist | ...
# What became of a booking once the customer had confirmed it. outcome: done | refused (the customer's wish cannot be
# met) | failed (ours); through: chat | api.
BOOKINGS: Final = "ai_bookings_total"
BOOKINGS_LABELS: Final = ("through", "outcome")
CONVERSATIONS: Final = "ai_conversations_total"
CONVERSATIONS_LABELS: Final = ("result", "kind")  # result: started | booked | handed_over
HANDOFFS: Final = "ai_handoffs_total"
HANDOFFS_LABELS: Final = ("reason",)  # asked | error | confused
FALLBACKS: Final = "ai_fallbacks_total"
FALLBACKS_LABELS: Final = ("reason",)  # provider_error | circuit_open | budget | throttled
RETRIES: Final = "ai_retries_total"
RETRIES_LABELS: Final = ("target", "reason")
CIRCUIT_STATE: Final = "ai_circuit_breaker_state"  # 0 closed, 1 half open, 2 open
CIRCUIT_LABELS: Final = ("target",)
FEEDBACK: Final = "ai_feedback_total"
FEEDBACK_LABELS: Final = ("stars",)
TRACKED: Final = "ai_tracked_events_total"
TRACKED_LABELS: Final = ("event", "business_id")
DATABASE_UP: Final = "ai_database_up"
DATABASE_QUERY: Final = "db_client_operation_duration_seconds"
DATABASE_QUERY_LABELS: Final = ("db_operation_name",)
# The pool of connections, as the semantic conventions name it.
POOL_CONNECTIONS: Final = "db_client_connection_count"
POOL_CONNECTIONS_LABELS: Final = ("db_client_connection_state",)  # used | idle
POOL_MAX: Final = "db_client_connection_max"
POOL_PENDING: Final = "db_client_connection_pending_requests"
POOL_TIMEOUTS: Final = "db_client_connection_timeouts_total"
POOL_WAIT: Final = "db_client_connection_wait_time_seconds"
# What the assistant may write into its data folder, which has a budget.
DISK_FREE: Final = "lab_disk_free_bytes"
DISK_LIMIT: Final = "lab_disk_limit_bytes"
DISK_LABELS: Final = ("path",)  # data
PREDICTIONS: Final = "predictions_total"
PREDICTIONS_LABELS: Final = ("model_version", "outcome")  # outcome: show | no_show
PREDICTION_LATENCY: Final = "prediction_latency_seconds"
PREDICTION_LATENCY_LABELS: Final = ("model_version",)

# --- Every service ------------------------------------------------------------------------------------------------
PROCESS_MEMORY: Final = "process_memory_usage_bytes"
PROCESS_MEMORY_LIMIT: Final = "process_memory_limit_bytes"
PROCESS_CPU: Final = "process_cpu_utilization_ratio"
PROCESS_THREADS: Final = "process_thread_count"
PROCESS_OPEN_FILES: Final = "process_open_file_descriptor_count"
GC_PAUSE: Final = "python_gc_pause_seconds"
BUILD_INFO: Final = "lab_build_info"  # labels: version, service
FAULT_ACTIVE: Final = "lab_fault_active"  # labels: fault, target
FAULT_LABELS: Final = ("fault", "target")
FAULT_HITS: Final = "lab_fault_hits_total"  # labels: fault
FOLDED: Final = "lab_labels_folded_total"  # values that the guard turned into OTHER
FOLDED_LABELS: Final = ("label",)
ADMIN_REQUESTS: Final = "lab_admin_requests_total"
ADMIN_LABELS: Final = ("action", "result")  # result: ok | refused | invalid
LOG_WRITE_ERRORS: Final = "lab_log_write_errors_total"

# --- The pager ----------------------------------------------------------------------------------------------------
PAGER_NOTIFICATIONS: Final = "pager_notifications_total"
PAGER_NOTIFICATIONS_LABELS: Final = ("channel", "result")  # webhook | mail; accepted | repeated | refused
PAGER_INCIDENTS_OPEN: Final = "pager_incidents_open"
PAGER_INCIDENTS: Final = "pager_incidents_total"
PAGER_INCIDENTS_LABELS: Final = ("severity",)  # page | ticket; also of the times and the escalations below
PAGER_ACKNOWLEDGE: Final = "pager_time_to_acknowledge_seconds"  # from the pager's first word of it
PAGER_RESOLVE: Final = "pager_time_to_resolve_seconds"  # from the moment the alert fired
# Seconds. Minutes of the lab are hours of production: what takes an hour here was forgotten.
PAGER_BUCKETS: Final = (5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600, 7200, 14400)
PAGER_ESCALATIONS: Final = "pager_escalations_total"
PAGER_REMEDIATIONS: Final = "pager_remediations_total"
PAGER_REMEDIATIONS_LABELS: Final = ("action", "result")  # restart-assistant; dry_run | done | failed | limited
PAGER_ROTATION_PROBLEMS: Final = "pager_rotation_problems"  # what is wrong with oncall/rotation.yml
PAGER_ADDRESS: Final = "pager_address_info"  # always 1; for the links of dashboards, which no environment reaches
PAGER_ADDRESS_LABELS: Final = ("url",)
PAGER_HEARTBEAT: Final = "pager_heartbeat_timestamp_seconds"  # when the Watchdog was last evaluated and heard

# --- The load -----------------------------------------------------------------------------------------------------
# Set by loadtest/metrics.py, which knows no service and therefore repeats them; a test compares.
# origin: always-on (with the page's) | scenario | journey
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

OTHER: Final = "other"

# --- Logs ---------------------------------------------------------------------------------------------------------
KINDS: Final = ("application", "access", "error", "audit", "performance")

# --- Spans --------------------------------------------------------------------------------------------------------
# The server span is Flask's (`POST /chat`); a client span for each HTTP call and database statement comes from their
# instrumentations. Ours stand only where they say something.
SPAN_RETRIEVE: Final = "retrieve"  # conversation, business and context are read
SPAN_DECIDE: Final = "decide"  # one turn of the loop: model call and what it asks for
SPAN_CALL_MODEL: Final = "chat {model}"  # GenAI convention: {operation} {model}
SPAN_TOOL: Final = "execute_tool {tool}"  # GenAI convention
SPAN_PREDICT: Final = "predict"
