// Puts the draft into the clipboard.
const button = document.getElementById("copy");
const result = document.getElementById("copied");
const draft = document.getElementById("draft");

button.hidden = false;
button.addEventListener("click", async () => {
  result.textContent = (await copy(draft.textContent)) ? "Copied." : "Not copied: open “The Markdown” below and copy it by hand.";
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers give no clipboard to pages under a plain http name other than localhost.
    const area = document.createElement("textarea");
    area.className = "hidden";
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    button.focus();
    return done;
  }
}
