// Reads the figures when the page opens, every ten seconds while it is looked at, and when the button is pressed.
import { Refused, ask } from "./api.js";
import { STATS_CARDS, showHealth, showLost, showMissing, showStats } from "./cards.js";
import { announce } from "./dom.js";
import { clock } from "./format.js";

const EVERY_MS = 10_000;

const figures = document.getElementById("figures");
const banner = document.getElementById("banner");
const updated = document.getElementById("updated");
const button = document.getElementById("refresh");

let timer = 0;
let reading = false;
let lastRead = null;

/** Begins to read, and goes on for as long as the page is open. */
export function startFigures() {
  button.addEventListener("click", async () => {
    await refresh();
    announce(figures.dataset.state === "fresh" ? "Figures updated." : banner.textContent);
  });
  // A hidden page asks for nothing; the moment it is seen again it is brought up to date.
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
  refresh();
}

async function refresh() {
  if (reading) return;
  reading = true;
  clearTimeout(timer);
  button.setAttribute("aria-disabled", "true");
  try {
    // A service without its database answers 503 here, and its figures are the ones most wanted then.
    const [health, stats] = await Promise.all([ask("/health/detailed", { accept: [503] }), readStats()]);
    render(health, stats);
  } catch (error) {
    showStale(error);
  } finally {
    reading = false;
    button.removeAttribute("aria-disabled");
    if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  }
}

/** The business figures, or the reason why they are missing: their loss must not hide the service's own. */
async function readStats() {
  try {
    return { figures: await ask("/stats") };
  } catch (error) {
    return { missing: error.message };
  }
}

function render(health, stats) {
  showHealth(health);
  if (stats.figures) showStats(stats.figures);
  else showMissing(STATS_CARDS, `not available: ${stats.missing}`);
  document.getElementById("environment").textContent = ` · ${health.environment}`;
  lastRead = new Date();
  updated.textContent = `Updated ${clock(lastRead)}`;
  if (figures.dataset.state === "stale") announce("The assistant can be reached again.");
  figures.dataset.state = "fresh";
  banner.hidden = true;
  banner.textContent = "";
}

function showStale(error) {
  const answers = error instanceof Refused;
  const what = answers
    ? `The assistant responded, but its metrics are unavailable: ${error.title} (${error.status}).`
    : `The assistant cannot be reached. ${error.message}`;
  const seen = lastRead ? `The values below are from ${clock(lastRead)}.` : "No values were read so far.";
  const sentence = `${what} ${seen} Trying again every ${EVERY_MS / 1000} seconds.`;
  showLost(answers ? "Unavailable" : "Not reachable", lastRead ? `last seen ${clock(lastRead)}` : "not seen yet");
  // Set only when it changes, or a screen reader would repeat it at every try.
  if (banner.textContent !== sentence) banner.textContent = sentence;
  banner.hidden = false;
  figures.dataset.state = "stale";
  updated.textContent = lastRead ? `Last updated ${clock(lastRead)}` : "Loading";
}
