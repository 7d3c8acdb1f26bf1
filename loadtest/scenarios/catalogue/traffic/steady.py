"""The baseline, without any fault."""

from loadtest.scenarios.declaration import Effect, Scenario


class Steady(Scenario):
    """Shows the normal values of the signals."""

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
    # First: without a working baseline the other results mean nothing.
    order = 0
    duration = 120
    needs = ("assistant", "model", "prometheus", "pager")
