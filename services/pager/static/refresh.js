// Fetches the page again every five seconds and swaps in what has changed, so that reading place and zoom stay.
// A hidden tab does not ask, and nobody loses the text that they are selecting. When the pager does not answer, the page says so and keeps what it last knew.
"use strict";

const content = document.getElementById("content");
const warning = document.createElement("p");
warning.className = "chain bad";
warning.setAttribute("role", "alert");
warning.textContent = "The pager does not answer. What stands below may be old.";

async function refresh() {
  if (document.hidden || !getSelection().isCollapsed) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(4000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("content");
    warning.remove();
    if (fresh.innerHTML !== content.innerHTML) {
      const focused = document.activeElement?.getAttribute("href");
      content.innerHTML = fresh.innerHTML;
      if (focused) content.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
      document.title = page.title;
    }
  } catch {
    content.before(warning);
  }
}

setInterval(refresh, 5000);
document.addEventListener("visibilitychange", refresh);
