// Buying: one click makes one checkout, and leads to the page where it is paid. And small forms that
// need no new page.

import { refresh, say, startAgain } from "./parts.js";

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
    const response = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    });
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

async function reasonOf(response) {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.querySelector("main p")?.textContent ?? FAILED;
}

async function send(form) {
  const part = form.dataset.quiet;
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      redirect: "manual",
    });
    if (response.type !== "opaqueredirect") throw new Error(await reasonOf(response));
    await refresh(part);
    say("Dismissed.");
  } catch {
    form.querySelector("button").disabled = false;
    say("This did not work; try again in a moment.");
  }
}

start();
