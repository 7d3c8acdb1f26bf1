"""What gunicorn runs: `services.pager.main:app`."""

from services.pager import mail
from services.pager.app import create_app
from services.pager.settings import PagerSettings

settings = PagerSettings()
app = create_app(settings)
parts = app.extensions["pager"]
parts.clock.start()
mail.open_door(settings.smtp_listen, parts.book, parts.actions, parts.instruments)
