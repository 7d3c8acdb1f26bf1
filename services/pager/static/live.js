// Fetches the page again every five seconds and changes in place only what has changed, so that reading place, focus and
// zoom stay. What lies below a data-keep is left alone: nobody loses what they are typing. A hidden tab does not ask, and
// nobody loses the text that they are selecting. When the pager does not answer, the page says so and keeps what it knew.

const SECONDS = 5;
const content = document.getElementById("content");
const warning = document.createElement("p");
warning.className = "chain bad";
warning.setAttribute("role", "alert");
let running = 0;

/** Brings the page up to date now. */
export async function refresh() {
  const mine = ++running;
  try {
    const answer = await fetch(location.href, {
      headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(4000),
    });
    if (answer.status === 404) return warn("The pager no longer keeps this. What stands below is the last that was known.");
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // A later answer has been shown already.
    if (mine !== running) return;
    warning.remove();
    become(content, page.getElementById("content"));
    document.title = page.title;
  } catch {
    if (mine === running) warn("The pager does not answer. What stands below may be old.");
  }
}

function warn(text) {
  if (warning.isConnected && warning.textContent === text) return;
  warning.textContent = text;
  content.before(warning);
}

/** Makes the old element like the new one. Elements with an id are found again wherever they have moved to. */
function become(old, fresh) {
  if (old.hasAttribute("data-keep")) return;
  for (const { name, value } of fresh.attributes) {
    if (name === "hidden" && isBusy(old)) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    // A person opens and closes a <details>, and the pager knows nothing of it.
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  let next = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const found = counterpart(old, next, wanted);
    if (found === null) {
      old.insertBefore(wanted, next);
    } else {
      // Moving an element takes the focus from it: what went is taken away first, so that the rest need not move.
      while (next !== found && next !== null && !isIn(fresh, next)) next = drop(next);
      if (next !== found) old.insertBefore(found, next);
      else next = next.nextSibling;
      if (found.nodeType !== Node.ELEMENT_NODE) {
        if (found.data !== wanted.data) found.data = wanted.data;
      } else if (!found.isEqualNode(wanted)) {
        become(found, wanted);
      }
    }
  }
  while (next !== null) next = drop(next);
}

function counterpart(parent, next, wanted) {
  if (wanted.id) return [...parent.children].find((child) => child.id === wanted.id) ?? null;
  return next !== null && !next.id && next.nodeName === wanted.nodeName ? next : null;
}

function isIn(fresh, node) {
  return Boolean(node.id) && [...fresh.children].some((child) => child.id === node.id);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** Whether somebody is at work in there: has the focus, or has typed something that is not sent. */
function isBusy(element) {
  const fields = [...element.querySelectorAll("input, textarea")];
  return element.contains(document.activeElement) || fields.some((field) => field.value !== field.defaultValue);
}

function nowAndThen() {
  if (!document.hidden && getSelection().isCollapsed) refresh();
}

setInterval(nowAndThen, SECONDS * 1000);
document.addEventListener("visibilitychange", nowAndThen);
