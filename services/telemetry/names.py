"""Names of all metrics, labels, log kinds and spans of our services.

Services and dashboards (`grafana/source`) import them; tests compare rules and runbooks with them.
"""

from typing import Final

# --- HTTP: OpenTelemetry semantic conventions, in the spelling of Prometheus ------------------------------------------
HTTP_DURATION: Final = "http_server_request_duration_seconds"
HTTP_ACTIVE: Final = "http_server_active_requests"
HTTP_LABELS: Final = ("http_request_method", "http_route", "http_response_status_code")
# Seconds. The conventions' buckets end at 10 s and are sparse between 1 and 5 s, the latency of language models.
# https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
HTTP_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0)

# --- GenAI: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ ----------------------------------------
GEN_AI_DURATION: Final = "gen_ai_client_operation_duration_seconds"
GEN_AI_TOKENS: Final = "gen_ai_client_token_usage"
GEN_AI_LABELS: Final = ("gen_ai_operation_name", "gen_ai_request_model", "error_type")
GEN_AI_TOKEN_LABELS: Final = ("gen_ai_operation_name", "gen_ai_request_model", "gen_ai_token_type")
GEN_AI_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
TOKEN_BUCKETS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384)

# --- The assistant ----------------------------------------------------------------------------------------------------
# Finished user requests. outcome: ok | fallback | error. A 4xx is not an error of the service: REJECTED counts it.
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
# Bookings that the customer confirmed. outcome: done | refused (not available) | failed (our error);
# channel: chat | api.
BOOKINGS: Final = "ai_bookings_total"
BOOKINGS_LABELS: Final = ("channel", "outcome")
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
# https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools
# Where the conventions end in `.count`, the name here is the plural: Prometheus keeps `_count` for histograms.
POOL_CONNECTIONS: Final = "db_client_connections"
POOL_CONNECTIONS_LABELS: Final = ("db_client_connection_state",)  # used | idle
POOL_MAX: Final = "db_client_connection_max"
POOL_PENDING: Final = "db_client_connection_pending_requests"
POOL_TIMEOUTS: Final = "db_client_connection_timeouts_total"
POOL_WAIT: Final = "db_client_connection_wait_time_seconds"
# Quota of the assistant's data folder.
DISK_FREE: Final = "lab_disk_free_bytes"
DISK_LIMIT: Final = "lab_disk_limit_bytes"
DISK_LABELS: Final = ("path",)  # data
PREDICTIONS: Final = "predictions_total"
PREDICTIONS_LABELS: Final = ("model_version", "outcome")  # outcome: show | no_show
PREDICTION_LATENCY: Final = "prediction_latency_seconds"
PREDICTION_LATENCY_LABELS: Final = ("model_version",)

# --- Every service ----------------------------------------------------------------------------------------------------
PROCESS_MEMORY: Final = "process_memory_usage_bytes"
PROCESS_MEMORY_LIMIT: Final = "process_memory_limit_bytes"
PROCESS_CPU: Final = "process_cpu_utilization_ratio"
PROCESS_THREADS: Final = "process_threads"
PROCESS_OPEN_FILES: Final = "process_open_file_descriptors"
GC_PAUSE: Final = "python_gc_pause_seconds"
BUILD_INFO: Final = "lab_build_info"  # labels: version, service
FAULT_ACTIVE: Final = "lab_fault_active"  # labels: fault, target
FAULT_LABELS: Final = ("fault", "target")
FAULT_HITS: Final = "lab_fault_hits_total"  # labels: fault
LABEL_OVERFLOW: Final = "lab_label_overflow_total"  # values beyond the cardinality limit, counted as OTHER
LABEL_OVERFLOW_LABELS: Final = ("label",)
ADMIN_REQUESTS: Final = "lab_admin_requests_total"
ADMIN_LABELS: Final = ("action", "result")  # result: ok | refused | invalid
# Requests refused because a header names a host that is not trusted. header: host | origin.
UNTRUSTED_HOSTS: Final = "lab_untrusted_hosts_total"
UNTRUSTED_HOSTS_LABELS: Final = ("header",)
LOG_WRITE_ERRORS: Final = "lab_log_write_errors_total"

# --- The pager --------------------------------------------------------------------------------------------------------
PAGER_NOTIFICATIONS: Final = "pager_notifications_total"
PAGER_NOTIFICATIONS_LABELS: Final = ("channel", "result")  # webhook | mail; accepted | repeated | refused
PAGER_INCIDENTS_OPEN: Final = "pager_incidents_open"
PAGER_INCIDENTS: Final = "pager_incidents_total"
PAGER_INCIDENTS_LABELS: Final = ("severity",)  # page | ticket; also of the times and the escalations below
PAGER_ACKNOWLEDGE: Final = "pager_time_to_acknowledge_seconds"  # from the incident's opening
PAGER_RESOLVE: Final = "pager_time_to_resolve_seconds"  # from the moment the alert fired
# Seconds. Minutes of the lab are hours of production.
PAGER_BUCKETS: Final = (5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600, 7200, 14400)
PAGER_ESCALATIONS: Final = "pager_escalations_total"
PAGER_REMEDIATIONS: Final = "pager_remediations_total"
PAGER_REMEDIATIONS_LABELS: Final = ("action", "result")  # restart-assistant; dry_run | done | failed | limited
PAGER_ROTATION_PROBLEMS: Final = "pager_rotation_problems"  # findings in oncall/rotation.yml
PAGER_ADDRESS: Final = "pager_address_info"  # always 1; dashboards read their links from it
PAGER_ADDRESS_LABELS: Final = ("url",)
PAGER_HEARTBEAT: Final = "pager_heartbeat_timestamp_seconds"  # last evaluation of a received Watchdog

OTHER: Final = "other"

# --- What counts as a request -----------------------------------------------------------------------------------------
# User requests: the first part of the path. `/appointments` covers a single appointment, too. Not OPTIONS and HEAD.
USER_ROUTES: Final = ("/chat", "/predict", "/feedback", "/track", "/appointments")
# Probes and scrapes: no span, no measurement, no access line.
PROBE_PATHS: Final = ("/health", "/health/detailed", "/ready", "/metrics", "/favicon.ico")
# Responses that /health/detailed does not count.
UNCOUNTED_PATHS: Final = frozenset({*PROBE_PATHS, "/stats"})
# Patterns of routes for operators, which the dashboards leave out of traffic and errors.
OPERATOR_ROUTES: Final = ("/health.*", "/ready", "/metrics", "/static.*", "/admin.*")
# Shares of failed requests above which ErrorRateHigh and ErrorRateCritical fire; the page and panels use them.
ERROR_RATE_HIGH: Final = 0.05
ERROR_RATE_CRITICAL: Final = 0.10

# --- Logs -------------------------------------------------------------------------------------------------------------
KINDS: Final = ("application", "access", "error", "audit", "performance")

# --- Spans ------------------------------------------------------------------------------------------------------------
# Instrumentations create the server span (`POST /chat`) and a client span for each HTTP call and database statement.
SPAN_RETRIEVE: Final = "retrieve"  # reads conversation, business and context
SPAN_DECIDE: Final = "decide"  # one turn of the loop: a model call and its tool calls
SPAN_CALL_MODEL: Final = "chat {model}"  # GenAI convention: {operation} {model}
SPAN_TOOL: Final = "execute_tool {tool}"  # GenAI convention
SPAN_PREDICT: Final = "predict"
