"""What gunicorn loads: `gunicorn --config services/web/gunicorn.py services.assistant.main:app`."""

from services.assistant.app import create_app
from services.assistant.settings import AssistantSettings

app = create_app(AssistantSettings())
