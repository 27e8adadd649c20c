// Buying: one click makes one checkout, and leads to the page where it is paid. And small forms that
// need no new page.

import { put, refresh, say, startAgain } from "./parts.js";

const UNREACHABLE = "The server cannot be reached now. Look whether it was done before you try again.";
const FAILED = "This did not work. Nothing was charged; try again in a moment.";

function start() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-buy]")) {
      event.preventDefault();
      leave(form);
    } else if (form.matches("[data-quiet]")) {
      event.preventDefault();
      send(form);
    } else if (form.matches("[data-within]")) {
      event.preventDefault();
      stay(form);
    }
  });
}

async function leave(form) {
  const button = form.querySelector("button");
  const buttons = document.querySelectorAll("[data-buy] button:not(:disabled)");
  const wrong = form.querySelector(".wrong");
  const label = button.textContent;
  wrong.hidden = true;
  for (const one of buttons) one.disabled = true;
  button.setAttribute("aria-busy", "true");
  button.textContent = "Opening…";
  try {
    const response = await post(form, { headers: { Accept: "application/json" } });
    if (response.status === 401) return startAgain();
    if (!response.ok) throw new Error(await reasonOf(response));
    location.assign((await response.json()).url);
  } catch (error) {
    for (const one of buttons) one.disabled = false;
    button.removeAttribute("aria-busy");
    button.textContent = label;
    wrong.textContent = error instanceof TypeError ? FAILED : error.message;
    wrong.hidden = false;
    button.focus();
  }
}

/** The form's part as the answer has it: what is shown once is at no address to be loaded again. */
async function stay(form) {
  const part = form.dataset.within;
  const wrong = form.querySelector(".wrong[role=alert]");
  wrong.hidden = true;
  try {
    const response = await post(form);
    if (response.status === 401) return startAgain();
    const page = pageOf(await response.text());
    if (!put(part, page)) throw new Error(reasonIn(page) ?? UNREACHABLE);
    const shown = document.querySelector(`[data-part="${part}"]`);
    shown.querySelector(":is([aria-invalid], .news button)")?.focus();
    say(shown.querySelector(":is(.field .wrong, .news strong)")?.textContent ?? "");
  } catch (error) {
    form.querySelector("button").disabled = false;
    wrong.textContent = error instanceof TypeError ? UNREACHABLE : error.message;
    wrong.hidden = false;
  }
}

function post(form, options = {}) {
  return fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), ...options });
}

async function reasonOf(response) {
  return reasonIn(pageOf(await response.text())) ?? FAILED;
}

function pageOf(text) {
  return new DOMParser().parseFromString(text, "text/html");
}

function reasonIn(page) {
  return page.querySelector("main p")?.textContent;
}

async function send(form) {
  const part = form.dataset.quiet;
  try {
    const response = await post(form, { redirect: "manual" });
    if (response.type !== "opaqueredirect") throw new Error(await reasonOf(response));
    await refresh(part);
    say("Dismissed.");
  } catch {
    form.querySelector("button").disabled = false;
    say("This did not work; try again in a moment.");
  }
}

start();
