// The ten cards: which value of which response goes where. No requests are made here.
import { capital, count, decimal, dollars, duration, moment, percent } from "./format.js";

export const STATS_CARDS = ["appointments", "handoffs", "tokens", "cost"];

const HEALTHY = ["ok", "healthy", "up"];
// In percent: the thresholds of ErrorRateHigh and ErrorRateCritical (services/telemetry/names.py).
const HIGH = Number(document.body.dataset.errorRateHigh);
const CRITICAL = Number(document.body.dataset.errorRateCritical);
const BAR_FULL = 20;
const BAR_WIDTH = 200;

/** Shows /health/detailed. */
export function showHealth(health) {
  const { system, requests, uptime, health_checks: checks } = health;
  const good = HEALTHY.includes(health.status);
  show("status", capital(health.status), `${health.service}, version ${health.version}`, good ? ["good", "Good"] : ["bad", "Critical"]);
  show("uptime", duration(uptime.seconds), `since ${moment(uptime.started_at)}`);
  show("requests", count(requests.total), requests.last_request ? `last one ${moment(requests.last_request)}` : "none yet");
  showErrorRate(requests);
  show("system", `${decimal(system.memory_usage_mb)} MB`, `CPU ${percent(system.cpu_percent)} · process ${system.process_id}`);
  const connected = checks.database_connected;
  show("database", connected ? "Connected" : "Not connected", connected ? "Answers queries" : "Bookings cannot be kept",
    connected ? ["good", "Good"] : ["bad", "Critical"]);
}

/** Shows /stats. */
export function showStats({ tokens, cost_dollars: cost, appointments, handoffs }) {
  show("appointments", count(appointments.booked), `booked · ${count(appointments.moved)} moved, ${count(appointments.cancelled)} cancelled`);
  show("handoffs", count(handoffs), "conversations given to a person");
  show("tokens", count(tokens.input + tokens.output), `${count(tokens.input)} in, ${count(tokens.output)} out`);
  show("cost", dollars(cost), "for the model's tokens");
}

/** Shows on the status card that the service cannot be reached; the other cards keep their last values. */
export function showLost(value, note) {
  show("status", value, note, ["bad", "Critical"]);
}

/** Shows on each of these cards that there is no value, and why. */
export function showMissing(names, why) {
  for (const name of names) show(name, "–", why);
}

/** Good below HIGH, watch up to CRITICAL, critical above it. */
export function errorLevel(rate) {
  if (rate > CRITICAL) return ["bad", "Critical"];
  return rate >= HIGH ? ["watch", "Watch"] : ["good", "Good"];
}

function showErrorRate({ total, failed, error_rate_percent: rate }) {
  const note = `${count(failed)} of ${count(total)}: counts every answer of 400 and above`;
  show("errors", percent(rate), note, errorLevel(rate));
  const width = (Math.min(rate, BAR_FULL) / BAR_FULL) * BAR_WIDTH;
  part("errors", "bar").setAttribute("width", width.toFixed(1));
}

function show(name, value, note, level) {
  part(name, "value").textContent = value;
  part(name, "note").textContent = note;
  const mark = part(name, "badge");
  mark.hidden = level === undefined;
  const [kind, word] = level ?? ["", ""];
  mark.closest(".card").dataset.level = kind;
  mark.dataset.level = kind;
  mark.querySelector("use").setAttribute("href", `#i-${kind || "good"}`);
  mark.querySelector("span").textContent = word;
}

function part(card, name) {
  return document.querySelector(`[data-card="${card}"] [data-part="${name}"]`);
}
