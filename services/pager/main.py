"""What gunicorn runs: `services.pager.main:app`."""

from services.pager.app import create_app
from services.pager.intake import smtp
from services.pager.settings import PagerSettings

settings = PagerSettings()
app = create_app(settings)
parts = app.extensions["pager"]
parts.scheduler.start()
smtp.start_smtp_server(settings.smtp_listen, parts.store, parts.actions)
