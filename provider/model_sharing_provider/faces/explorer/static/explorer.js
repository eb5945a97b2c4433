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

// A chosen file's text goes into the field beside it, which is what is sent.
document.addEventListener("change", async (event) => {
  if (!event.target.matches("input[type=file][data-into]") || !event.target.files.length) return;
  event.target.form.elements[event.target.dataset.into].value = await event.target.files[0].text();
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

// The tree stays as it is from page to page, and shows where the reader is.
document.addEventListener("click", (event) => {
  const toggle = event.target.closest("button.toggle");
  if (!toggle) return;
  const open = toggle.getAttribute("aria-expanded") === "true";
  toggle.setAttribute("aria-expanded", String(!open));
  toggle.parentElement.querySelector(":scope > ul").hidden = open;
});
document.addEventListener("htmx:afterSettle", (event) => {
  const tree = document.getElementById("tree");
  if (event.target !== document.body || !tree) return;
  const place = document.getElementById("content").dataset.place;
  let found = !place;
  for (const link of tree.querySelectorAll("a[data-place]")) {
    const here = link.dataset.place === place;
    link.toggleAttribute("aria-current", here);
    if (here) {
      found = true;
      link.setAttribute("aria-current", "page");
      for (let item = link.closest("li"); item; item = item.parentElement.closest("li")) {
        if (!item.parentElement.hidden) continue;
        item.parentElement.hidden = false;
        item.parentElement.parentElement.querySelector(":scope > .toggle").setAttribute("aria-expanded", "true");
      }
    }
  }
  // A form may have changed what is in it.
  if (!found || document.querySelector(".notice")) {
    const url = new URL(tree.getAttribute("hx-get"), location.href);
    url.searchParams.set("at", place);
    htmx.ajax("GET", url.pathname + url.search, { target: "#tree", swap: "innerHTML" });
  }
});

// What can be sent once: a second click would end the download that the first one began, and it is lost.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-once]")) return;
  const button = event.target.querySelector("button");
  if (button.getAttribute("aria-disabled")) event.preventDefault();
  button.setAttribute("aria-disabled", "true");
  button.textContent = event.target.dataset.once;
});
