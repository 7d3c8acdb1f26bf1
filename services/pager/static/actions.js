// What a responder does to an incident. Each form names the address that it is sent to; what the pager answers, good or
// bad, stands in words beside the button.
import { refresh } from "./live.js";

const REMEMBERED = "lab-pager-signer";
const signer = document.getElementById("signer");

signer.value = remembered();
signer.addEventListener("change", () => {
  try {
    localStorage.setItem(REMEMBERED, signer.value.trim());
  } catch {
    // A browser that keeps nothing asks for the name on each page.
  }
});

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(form);
  });
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) ?? "";
  } catch {
    return "";
  }
}

async function act(form) {
  const by = signer.value.trim();
  if (!by) {
    say(form, "Say first who you are, under “You sign as”.", true);
    signer.focus();
    return;
  }
  // The second click of a double click must not comment twice.
  const button = form.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  say(form, "Sending …");
  const refused = await send(form, { by, ...fields(form) });
  button.removeAttribute("aria-disabled");
  say(form, refused ?? form.dataset.done, refused !== null);
  if (refused === null) {
    form.reset();
    const details = form.closest("details");
    if (details) details.open = false;
    // The form may go; whoever uses the keyboard goes on from its answer. A comment is often followed by another one.
    if (form.querySelector("#comment")) form.elements.text.focus();
    else answerOf(form).focus();
  }
  refresh();
}

function fields(form) {
  const found = {};
  for (const field of form.querySelectorAll("[name]")) {
    found[field.name] = field.type === "number" ? field.valueAsNumber : field.value.trim();
  }
  return found;
}

/** Sends it; null when it is done, else the reason in words. */
async function send(form, body) {
  let answer;
  try {
    answer = await fetch(form.dataset.send, {
      method: form.dataset.method,
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10000),
    });
  } catch {
    return "The pager does not answer. Look at the timeline before you try again: it may have been done.";
  }
  if (answer.ok) return null;
  const problem = await answer.json().catch(() => ({}));
  const errors = Array.isArray(problem.errors) ? problem.errors.map((one) => `${one.field}: ${one.message}`) : [];
  return [problem.detail ?? `The pager answered with status ${answer.status}.`, ...errors].join(" ");
}

function answerOf(form) {
  return form.closest(".one").querySelector(".said");
}

function say(form, text, isBad = false) {
  const said = answerOf(form);
  said.textContent = text;
  said.classList.toggle("bad", isBad);
}
