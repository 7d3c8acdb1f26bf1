// The few things that both halves of the page do to the document. Text is only ever set as text, never as markup.

/** A new element; `text` and class name are optional. */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** One of the drawings in icons.svg. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A word with a shape and a colour; any one of the three shows the level. */
export function badge(level, word, shape = level) {
  const element = make("span", "badge");
  element.dataset.level = level;
  element.append(icon(shape), make("span", "", word));
  return element;
}

/** Says a sentence to people who listen to the page instead of looking at it. */
export function announce(sentence) {
  document.getElementById("announcer").textContent = sentence;
}
