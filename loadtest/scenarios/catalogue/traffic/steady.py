"""Nothing breaks."""

from loadtest.scenarios.declaration import ANY, Effect, Scenario


class Steady(Scenario):
    """The lab as it always is: whatever is seen here is what normal looks like."""

    name = "steady"
    summary = "A few customers book, read and cancel appointments, everything works, and no alert fires."
    effects = (
        Effect("requests arrive", "sum(increase(ai_requests_total[1m]))", within=60, always=True),
        Effect(
            "chats are answered",
            'sum(increase(ai_requests_total{route="/chat",outcome="ok"}[1m]))',
            within=60,
            always=True,
        ),
        Effect(
            "nothing fails",
            '1 - clamp_max(sum(increase(ai_requests_total{outcome!="ok"}[1m])), 1)',
            within=60,
            always=True,
        ),
    )
    forbidden_alerts = (ANY,)
    # First what normal looks like: if that fails, the rest says little.
    order = 0
    duration = 120
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "pager")
