// A trace id as something to use: copied, or opened where the trace can be seen.
import { announce, icon, make } from "./dom.js";

const QUARTER_HOUR_MS = 15 * 60 * 1000;
const COPIED_MS = 2000;

/** The id with a button that copies it and, where Grafana's address is known, a link to the trace in Explore. */
export function traceLine(traceId) {
  const line = make("span", "trace");
  const uses = make("span", "trace-uses");
  uses.append(copyButton(traceId));
  const grafana = document.body.dataset.grafana;
  if (grafana) uses.append(exploreLink(grafana, traceId));
  line.append(make("span", "trace-label", "Trace"), make("code", "trace-id", traceId), uses);
  return line;
}

function copyButton(traceId) {
  const button = make("button", "mini");
  button.type = "button";
  const word = make("span", "", "Copy");
  button.append(icon("copy"), word, make("span", "hidden", " trace id"));
  button.addEventListener("click", async () => {
    const done = await copy(traceId);
    word.textContent = done ? "Copied" : "Not copied";
    announce(done ? "Trace id copied." : "The trace id could not be copied.");
    setTimeout(() => { word.textContent = "Copy"; }, COPIED_MS);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers give no clipboard to pages under a plain http name other than localhost.
    const area = make("textarea", "hidden", text);
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function exploreLink(grafana, traceId) {
  const link = make("a", "mini");
  link.href = exploreAddress(grafana, traceId, Date.now());
  link.target = "_blank";
  link.rel = "noopener";
  link.append(icon("open"), make("span", "", "Open"), make("span", "hidden", " trace in Grafana, in a new tab"));
  return link;
}

/** Grafana Explore on the trace, with the time around the answer so that the link still fits tomorrow. */
export function exploreAddress(grafana, traceId, at) {
  const tempo = { type: "tempo", uid: "tempo" };
  const pane = {
    datasource: tempo.uid,
    queries: [{ refId: "A", datasource: tempo, queryType: "traceql", query: traceId }],
    range: { from: String(at - QUARTER_HOUR_MS), to: String(at + QUARTER_HOUR_MS) },
  };
  const query = new URLSearchParams({ schemaVersion: "1", orgId: "1", panes: JSON.stringify({ trace: pane }) });
  return `${grafana}/explore?${query}`;
}
