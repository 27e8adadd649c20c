// The estimator: asks the API, which charges by the same arithmetic, as people type.

import { startAgain } from "./parts.js";

const TYPING_MS = 150;
const MOST_TOKENS = 1_000_000_000;
const base = document.body.dataset.base;

let timer = null;
let request = null;

function start() {
  const form = document.querySelector("[data-estimate]");
  if (!form) return;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    showChosen(form);
    clearTimeout(timer);
    timer = setTimeout(() => estimate(form), TYPING_MS);
  });
  showChosen(form);
  // What the page came with is there already; a browser may have put back what was typed before.
  if ([...form.elements].some(isChanged)) estimate(form);
}

function isChanged(field) {
  if (field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return field.selectedIndex > 0;
  return "defaultValue" in field && field.tagName !== "OUTPUT" && field.value !== field.defaultValue;
}

function showChosen(form) {
  const cannotCount = form.elements.model.selectedOptions[0]?.dataset.uncounted !== undefined;
  const prompt = form.querySelector("input[value=prompt]");
  prompt.disabled = cannotCount;
  if (cannotCount && prompt.checked) form.querySelector("input[value=tokens]").checked = true;
  const chosen = form.elements.input.value;
  for (const field of form.querySelectorAll("[data-input]")) field.hidden = field.dataset.input !== chosen;
}

async function estimate(form) {
  const result = form.querySelector("output");
  const detail = form.querySelector("#estimate-detail");
  const asked = question(form);
  request?.abort();
  if (!asked) {
    result.textContent = "–";
    detail.textContent = "Give whole numbers of tokens, a billion at most.";
    return;
  }
  request = new AbortController();
  result.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(`${base}/api/credits/estimate`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(asked),
      signal: request.signal,
    });
    if (response.status === 401) return startAgain();
    const text = await response.text();
    result.removeAttribute("aria-busy");
    const answer = JSON.parse(text);
    if (!response.ok) throw new Error(answer.error.message);
    result.textContent = `${credits(answer.estimatedMillicredits)} Credits`;
    // As it was written: a number of JavaScript's would round it.
    const usd = grouped(/"usd":(-?[\d.]+)/.exec(text)[1], 2);
    const tokens = `${answer.inputTokens.toLocaleString("en-US")} input and ${answer.outputTokens.toLocaleString("en-US")} output tokens`;
    detail.textContent = `$${usd} for ${tokens}, none of them cached`;
  } catch (error) {
    if (error.name === "AbortError") return;
    result.removeAttribute("aria-busy");
    result.textContent = "–";
    detail.textContent = error instanceof TypeError ? "The server cannot be reached now." : error.message;
  }
}

function question(form) {
  const fields = form.elements;
  const maxTokens = whole(fields.maxTokens);
  if (maxTokens === null) return null;
  if (fields.input.value === "prompt") {
    const messages = [{ role: "user", content: fields.prompt.value }];
    return { model: fields.model.value, messages, maxTokens };
  }
  const inputTokens = whole(fields.inputTokens);
  return inputTokens === null ? null : { model: fields.model.value, inputTokens, maxTokens };
}

function whole(field) {
  const number = Number(field.value);
  return /^\d{1,10}$/.test(field.value) && number <= MOST_TOKENS ? number : null;
}

/** Credits out of millicredits, digit by digit. */
function credits(millicredits) {
  const digits = millicredits.padStart(4, "0");
  return grouped(`${digits.slice(0, -3)}.${digits.slice(-3)}`, 2);
}

function grouped(text, decimals) {
  const [whole, part = ""] = text.split(".");
  const shown = part.replace(/0+$/, "").padEnd(decimals, "0");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${shown}`;
}

start();
