"""What gunicorn runs: `services.model.main:app`."""

from services.model.app import create_app
from services.model.settings import ModelSettings

app = create_app(ModelSettings())
