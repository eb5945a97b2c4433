// What pages do beyond htmx: copy buttons, and keeping to one open panel. Everything else works without it.
"use strict";

function copy(button) {
  const done = () => {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  if (navigator.clipboard) {
    navigator.clipboard.writeText(button.dataset.copy).then(done, () => copyBySelection(button.dataset.copy, done));
  } else {
    copyBySelection(button.dataset.copy, done);
  }
}

// Over plain http, and where the other is not allowed, browsers have no clipboard but this one.
function copyBySelection(text, done) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  done();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});

// A panel closes with Escape, or when another one opens.
document.addEventListener("toggle", (event) => {
  if (!event.target.matches("details.control[open]")) return;
  for (const other of document.querySelectorAll("details.control[open]")) {
    if (other !== event.target && !other.contains(event.target)) other.open = false;
  }
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.control[open]")) {
    // Where the keyboard was in the panel, it would be nowhere.
    if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    open.open = false;
  }
});
