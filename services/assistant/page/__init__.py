"""The assistant's page: ten cards that watch the service, and a chat box that books an appointment.

Register `blueprint` on the assistant's app. It serves `GET /` and its static files under `/static/page/`, and reads
nothing but its settings: every figure on the page comes from the service's own endpoints, asked for by the browser.
"""

from services.assistant.page.views import blueprint

__all__ = ["blueprint"]
