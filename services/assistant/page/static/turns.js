// What one turn of the conversation looks like: a person's message, an answer, or an error.
import { nameOf } from "./businesses.js";
import { badge, icon, make } from "./dom.js";
import { appointmentTime, capital } from "./format.js";
import { Unreachable } from "./api.js";
import { traceLine } from "./trace.js";

const OUTCOMES = {
  ok: ["good", "Answered"],
  fallback: ["watch", "Fallback answer"],
};

/** What a person wrote. */
export function userTurn(text) {
  return turn("user", "You", text);
}

/** The placeholder of the answer. */
export function waitingTurn() {
  const item = turn("assistant waiting", "Assistant", "");
  const dots = make("span", "dots");
  dots.append(make("i"), make("i"), make("i"));
  item.querySelector(".bubble").append(dots, make("span", "hidden", "is writing"));
  return item;
}

/** An answer of POST /chat. */
export function answerTurn(answer, timeZoneOf) {
  const item = turn("assistant", "Assistant", answer.reply);
  if (answer.appointment) {
    item.querySelector(".bubble").append(appointmentNote(answer.appointment, timeZoneOf(answer.appointment.business_id)));
  }
  const facts = make("p", "facts");
  facts.append(badge(...(OUTCOMES[answer.outcome] ?? ["bad", capital(String(answer.outcome))])));
  if (answer.handoff) facts.append(badge("watch", "A person takes over", "person"));
  if (answer.trace_id) facts.append(traceLine(answer.trace_id));
  item.append(facts);
  return item;
}

/** What went wrong, as the problem document says it, or that there was no response. */
export function problemTurn(error) {
  const unreachable = error instanceof Unreachable;
  const item = turn("assistant problem", "Error", "");
  const bubble = item.querySelector(".bubble");
  bubble.append(make("strong", "", unreachable ? "The assistant cannot be reached" : error.title));
  const detail = unreachable ? `${error.message} Your message is back in the box.` : error.detail;
  if (detail) bubble.append(make("p", "", detail));
  if (error.errors?.length) bubble.append(errorList(error.errors));
  const facts = make("p", "facts");
  facts.append(badge("bad", unreachable ? "Not sent" : `Error ${error.status}`));
  if (error.traceId) facts.append(traceLine(error.traceId));
  item.append(facts);
  return item;
}

function turn(kind, who, text) {
  const item = make("li", `turn ${kind}`);
  const bubble = make("div", "bubble");
  if (text) bubble.append(make("p", "said", text));
  item.append(make("span", "hidden", `${who}:`), bubble);
  return item;
}

function appointmentNote(appointment, timeZone) {
  const note = make("div", "appointment");
  note.dataset.status = appointment.status;
  const words = make("div");
  words.append(
    make("strong", "", `${capital(appointment.status ?? "booked")}: ${appointmentTime(appointment.starts_at, timeZone)}`),
    make("p", "", [appointment.service, appointment.provider, appointment.business ?? nameOf(appointment.business_id)].filter(Boolean).join(" · ")),
  );
  note.append(icon("calendar"), words);
  return note;
}

/** Each entry names a field and its fix; other shapes are shown as they are. */
function errorList(errors) {
  const list = make("ul");
  for (const entry of errors) {
    const where = [entry.field ?? entry.loc ?? entry.pointer ?? ""].flat().join(".");
    const what = entry.message ?? entry.msg ?? entry.detail ?? JSON.stringify(entry);
    list.append(make("li", "", where ? `${where}: ${what}` : what));
  }
  return list;
}
