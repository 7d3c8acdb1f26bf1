// The actions of a responder. Each form has the address it is sent to; the result is shown next to its button.
import { refresh } from "./live.js";

const STORAGE_KEY = "lab-pager-signer";
const signer = document.getElementById("signer");

signer.value = storedName();
signer.addEventListener("change", () => {
  try {
    localStorage.setItem(STORAGE_KEY, signer.value.trim());
  } catch {
    // Without storage the name is entered on each page.
  }
});

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(form);
  });
}

function storedName() {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? "";
  } catch {
    return "";
  }
}

async function act(form) {
  const by = signer.value.trim();
  if (!by) {
    showResult(form, "Enter your name first.", true);
    signer.focus();
    return;
  }
  // The second click of a double click must not comment twice.
  const button = form.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  showResult(form, "Sending …");
  const failure = await send(form, { by, ...fields(form) });
  button.removeAttribute("aria-disabled");
  showResult(form, failure ?? form.dataset.done, failure !== null);
  if (failure === null) {
    form.reset();
    const details = form.closest("details");
    if (details) details.open = false;
    // The form may disappear: keep the keyboard focus on its result. A comment is often followed by another one.
    if (form.querySelector("#comment")) form.elements.text.focus();
    else resultOf(form).focus();
  }
  refresh();
}

function fields(form) {
  const values = {};
  for (const field of form.querySelectorAll("[name]")) {
    values[field.name] = field.type === "number" ? field.valueAsNumber : field.value.trim();
  }
  return values;
}

/** Sends the action; returns null on success, else the reason. */
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
    return "The pager does not respond. Check the timeline before you retry: the action may have succeeded.";
  }
  if (answer.ok) return null;
  const problem = await answer.json().catch(() => ({}));
  const errors = Array.isArray(problem.errors) ? problem.errors.map((one) => `${one.field}: ${one.message}`) : [];
  return [problem.detail ?? `The pager responded with status ${answer.status}.`, ...errors].join(" ");
}

function resultOf(form) {
  return form.closest(".one").querySelector(".result");
}

function showResult(form, text, isBad = false) {
  const result = resultOf(form);
  result.textContent = text;
  result.classList.toggle("bad", isBad);
}
