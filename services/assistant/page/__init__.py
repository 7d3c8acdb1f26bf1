"""The assistant's page: ten cards with the state of the service, and a chat box that books an appointment.

Register `blueprint` on the assistant's app. It serves `GET /` and its static files under `/static/page/`. The browser
reads every value from the service's own endpoints.
"""

from services.assistant.page.views import blueprint

__all__ = ["blueprint"]
