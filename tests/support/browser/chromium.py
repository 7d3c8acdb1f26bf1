"""The browser that the tests drive: the system's Chromium, headless."""

import shutil

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NOT_RUN = "no Chromium on PATH (Debian: apt-get install chromium)"
# A browser asks the pages of the lab for itself; nothing of its own may go out, and no sandbox is needed for our pages.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
