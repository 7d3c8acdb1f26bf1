"""What gunicorn runs: `services.pager.main:app`."""

from services.pager.app import create_app
from services.pager.settings import PagerSettings

app = create_app(PagerSettings())
app.extensions["pager"].clock.start()
