// The chat box: sends what a person writes, shows each answer with its outcome and its trace id.
import { Unreachable, ask } from "./api.js";
import { fillBusinesses, timeZoneOf } from "./businesses.js";
import { announce } from "./dom.js";
import { answerTurn, problemTurn, userTurn, waitingTurn } from "./turns.js";

// Longer than the service's own budget for a request: what it gives up on, it says itself.
const PATIENCE_SECONDS = 30;
const PERSON = "lab-person";

const form = document.getElementById("compose");
const box = document.getElementById("message");
const sendButton = document.getElementById("send");
const business = document.getElementById("business");
const turns = document.getElementById("turns");
const log = document.getElementById("log");
const welcome = document.getElementById("welcome");

// Counts up with every new conversation, so that an answer that comes too late is not shown in the next one.
let round = 0;
let conversationId = null;
let waiting = false;

/** Makes the chat box work. */
export function startChat() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendMessage(box.value.trim());
  });
  box.addEventListener("keydown", (event) => {
    // A line break that ends the choice of a character (isComposing) belongs to the keyboard, not to us.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  for (const starter of document.querySelectorAll(".starter")) {
    starter.addEventListener("click", () => {
      box.focus();
      sendMessage(starter.textContent);
    });
  }
  document.getElementById("restart").addEventListener("click", restart);
  business.addEventListener("focus", () => fillBusinesses(business));
  fillBusinesses(business);
}

async function sendMessage(text) {
  if (waiting || text === "") return;
  const sentIn = round;
  setWaiting(true);
  welcome.hidden = true;
  box.value = "";
  add(userTurn(text));
  const placeholder = add(waitingTurn());
  let shown;
  try {
    const answer = await ask("/chat", { method: "POST", body: request(text), seconds: PATIENCE_SECONDS });
    if (sentIn !== round) return;
    conversationId = answer.conversation_id;
    shown = answerTurn(answer, timeZoneOf);
    announce(`Assistant: ${answer.reply}`);
  } catch (error) {
    if (sentIn !== round) return;
    shown = problemTurn(error);
    announce(`Not sent: ${error.message}`);
    recover(text, error);
  }
  placeholder.remove();
  add(shown);
  setWaiting(false);
}

function request(text) {
  const body = { message: text, user_id: personId() };
  if (conversationId) body.conversation_id = conversationId;
  if (business.value) body.business_id = business.value;
  return body;
}

/** Puts a message that can be retried back into the box, unless the user typed another one. */
function recover(text, error) {
  const forgotten = conversationId !== null && error.status === 404;
  // The service's data were deleted meanwhile: the next message begins a new conversation.
  if (forgotten) conversationId = null;
  const worthAnotherTry = forgotten || error instanceof Unreachable || error.status >= 500 || error.status === 429;
  if (worthAnotherTry && box.value === "") box.value = text;
}

function restart() {
  round += 1;
  conversationId = null;
  turns.replaceChildren();
  welcome.hidden = false;
  setWaiting(false);
  box.focus();
  announce("A new conversation begins.");
}

function setWaiting(value) {
  waiting = value;
  // Not `disabled`: that would take the focus away from people who use the keyboard.
  sendButton.setAttribute("aria-disabled", String(value));
}

function add(turn) {
  turns.append(turn);
  log.scrollTop = log.scrollHeight;
  return turn;
}

/** A random id of this browser, so that "my appointments" are found again after a reload. */
function personId() {
  try {
    let id = localStorage.getItem(PERSON);
    if (!id) {
      id = `web-${Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
      localStorage.setItem(PERSON, id);
    }
    return id;
  } catch {
    return "web-visitor"; // storage is switched off in this browser
  }
}
