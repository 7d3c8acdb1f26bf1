// Fetches the page every five seconds and changes only what differs, so that scroll position, focus and zoom stay. Forms
// (data-keep) are not changed while the responder types. A hidden tab does not fetch, nor a page with selected text. When
// the pager does not respond, the page says so and keeps its last data.
/* global Idiomorph -- vendor/idiomorph-0.8.0.min.js */

const SECONDS = 5;
const content = document.getElementById("content");
const warning = document.createElement("p");
warning.className = "chain bad";
warning.setAttribute("role", "alert");
let running = 0;

/** Updates the page now. */
export async function refresh() {
  const mine = ++running;
  try {
    const response = await fetch(location.href, {
      headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(4000),
    });
    if (response.status === 404) return warn("This incident was deleted; showing last known data.");
    if (!response.ok) throw new Error(String(response.status));
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    // A later response is on the page already.
    if (mine !== running) return;
    warning.remove();
    Idiomorph.morph(content, page.getElementById("content"), { morphStyle: "outerHTML", callbacks });
    document.title = page.title;
  } catch {
    if (mine === running) warn("The pager does not respond. Data may be stale.");
  }
}

const callbacks = {
  beforeNodeMorphed: (old) => !(old instanceof Element && old.hasAttribute("data-keep")),
  beforeAttributeUpdated: (name, element, change) =>
    // The reader opens and closes a <details>; a section that is in use is not hidden.
    !(name === "open" && change === "remove") && !(name === "hidden" && isBusy(element)),
};

function warn(text) {
  if (warning.isConnected && warning.textContent === text) return;
  warning.textContent = text;
  content.before(warning);
}

/** Whether the section has the focus, or text that is not sent. */
function isBusy(element) {
  const fields = [...element.querySelectorAll("input, textarea")];
  return element.contains(document.activeElement) || fields.some((field) => field.value !== field.defaultValue);
}

function refreshVisible() {
  if (!document.hidden && getSelection().isCollapsed) refresh();
}

setInterval(refreshVisible, SECONDS * 1000);
document.addEventListener("visibilitychange", refreshVisible);
