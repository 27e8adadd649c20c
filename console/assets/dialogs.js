// Receipts and questions in a dialog; without it they are pages. And what is copied on a click.

import { focusAgain, isLeft, say, settle, startAgain } from "./parts.js";

const dialog = document.getElementById("dialog");
const content = document.getElementById("dialog-content");
const COPIED_MS = 1500;

let opener = null;

function start() {
  document.addEventListener("click", (event) => {
    const copied = event.target.closest?.("[data-copy]");
    if (copied) return copy(copied);
    if (event.target.closest?.("[data-close]") && dialog.open) {
      event.preventDefault();
      return dialog.close();
    }
    const link = linkOf(event);
    if (link) {
      event.preventDefault();
      open(link);
    }
  });
  // A click beside it closes it.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  // What has opened it may have been fetched again meanwhile.
  dialog.addEventListener("close", () => {
    if (!opener.link.isConnected) focusAgain(opener.link, opener.part);
  });
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    // Sent once, however often it is clicked. Disabled only after the form was gathered.
    setTimeout(() => {
      for (const button of event.target.querySelectorAll("button")) button.disabled = true;
    });
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

/** The link or button that a click means: itself, or that of a table's row. */
function linkOf(event) {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey) return null;
  const link = event.target.closest?.("[data-dialog]");
  if (link) return link;
  if (event.target.closest?.("a, button, input, select") || String(getSelection())) return null;
  return event.target.closest?.("table.rows tbody tr")?.querySelector("a[data-dialog]");
}

async function open(link) {
  opener = { link, part: link.closest("[data-part]") };
  const address = link.href ?? link.form.action;
  try {
    const response = await fetch(address, { cache: "no-store" });
    if (response.status === 401) return startAgain();
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    content.replaceChildren(...page.querySelector("main").childNodes);
    settle(content);
    dialog.showModal();
  } catch {
    if (!isLeft()) location.assign(address);
  }
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    if (!copyTheOldWay(button)) return tell(button, "uncopied", "It could not be copied.");
  }
  tell(button, "copied", "Copied.");
}

function tell(button, state, text) {
  say(text);
  button.classList.add(state);
  setTimeout(() => button.classList.remove(state), COPIED_MS);
}

/** Where the page does not come by https, browsers have no clipboard for it. */
function copyTheOldWay(button) {
  const field = Object.assign(document.createElement("textarea"), { value: button.dataset.copy });
  button.after(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  button.focus();
  return done;
}

start();
