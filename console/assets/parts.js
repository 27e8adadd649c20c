// Parts of the page, each fetched again by itself: filters, pages of lists, what is new. The page works
// without scripts; this and its neighbours keep it current and save clicks.

const base = document.body.dataset.base;
const tags = new Map();
const timers = new Map();
const underWay = new Map();
/** Parts that people have asked for, and that did not come: to be asked for again. */
export const unanswered = new Set();

const SLOWEST_MS = 15000;
const LEAVING_MS = 10000;
// Which names in the address are a part's own; what the others ask for stays as it is.
const OWN = {
  usage: ["from", "to", "model", "keyId", "status", "cursor"],
  ledger: ["type", "ledgerCursor"],
  spending: ["days"],
  keys: ["keys"],
};

let left = -Infinity;

function start() {
  window.addEventListener("beforeunload", () => { left = performance.now(); });
  // Where this page answers a form: loading it again must not send the form again.
  if (location.pathname !== base) history.replaceState(null, "", base + location.hash);
  for (const element of document.querySelectorAll("[data-part]")) {
    tags.set(element.dataset.part, element.dataset.tag);
    settle(element);
  }
  document.addEventListener("click", followLink);
  document.addEventListener("submit", applyFilters);
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-refresh]");
    if (form && event.target.type !== "date") form.requestSubmit();
    else if (form && event.target.name === "from") form.elements.to.min = event.target.value;
  });
  window.addEventListener("popstate", () => {
    for (const name of Object.keys(OWN)) ask(name);
  });
}

/**
 * Fetches a part as the page's address asks for it; says whether it has changed. What is there stays
 * where the server has nothing better, unless somebody has asked for it and waits for an answer.
 */
export async function refresh(name, { quietly = false, isAsked = false } = {}) {
  const element = document.querySelector(`[data-part="${name}"]`);
  underWay.get(name)?.abort();
  const request = new AbortController();
  underWay.set(name, request);
  const slow = new DOMException("There is no answer.", "TimeoutError");
  const patience = setTimeout(() => request.abort(slow), SLOWEST_MS);
  if (!quietly) element.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(`${base}/parts/${name}${location.search}`, {
      headers: tags.has(name) ? { "If-None-Match": tags.get(name) } : {},
      signal: request.signal,
      cache: "no-store",
    });
    if (response.status === 401 || response.status === 404 || isOthers(response)) return startAgain();
    if (response.status === 304) {
      unanswered.delete(name);
      element.querySelector(".unreachable")?.remove();
      again(element);
      return false;
    }
    // Without a tag it is no part, but what something else says that has failed.
    const tag = response.headers.get("ETag");
    if (!tag || (response.status >= 500 && !isAsked)) throw new Error(response.statusText);
    show(element, name, await response.text(), tag);
    unanswered.delete(name);
    return true;
  } catch (error) {
    if (error.name === "AbortError") return false;
    if (!quietly) showUnreachable(element);
    throw error;
  } finally {
    clearTimeout(patience);
    if (underWay.get(name) === request) {
      underWay.delete(name);
      element.removeAttribute("aria-busy");
    }
  }
}

/** Whether somebody is on the way out, as by signing out: nobody is called back. */
export function isLeft() {
  return performance.now() - left < LEAVING_MS;
}

/** Shows who is signed in now. */
export function startAgain() {
  if (!isLeft()) location.reload();
}

/** Somebody has signed in to another account since, in another tab. */
function isOthers(response) {
  const session = response.headers.get("Tollgate-Session");
  return session !== null && session !== document.body.dataset.session;
}

/** Which version of a part is shown. */
export function tagOf(name) {
  return tags.get(name);
}

/** Nothing is taken from under somebody's hands. */
export function isInUse(name) {
  const element = document.querySelector(`[data-part="${name}"]`);
  if (element.querySelector("#created-key")) return true;
  // Dates wait to be applied; other filters are applied when they are chosen.
  const fields = [...element.querySelectorAll("form[method=post] input, input[type=date]")];
  if (fields.some(isTyped)) return true;
  const focused = document.activeElement;
  return element.contains(focused) && focused.matches("input, select, summary");
}

function isTyped(field) {
  return field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

/** Tells people who do not see it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Makes what was just put into the page a part of it. */
export function settle(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = localTime.format(new Date(time.dateTime));
  }
  tidyAddress(root);
  again(root);
}

const localTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function show(element, name, html, tag) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const scrolled = element.querySelector(".wide")?.scrollLeft ?? 0;
  const opened = [...element.querySelectorAll("details")].map((details) => details.open);
  element.innerHTML = html;
  element.querySelectorAll("details").forEach((details, number) => { details.open = opened[number] ?? false; });
  tags.set(name, tag);
  settle(element);
  const wide = element.querySelector(".wide");
  if (wide) wide.scrollLeft = scrolled;
  if (focused) focusAgain(focused, element);
}

/** Puts a part as another page has it into this one; says whether that page has it. */
export function put(name, page) {
  const part = page.querySelector(`[data-part="${name}"]`);
  if (!part) return false;
  show(document.querySelector(`[data-part="${name}"]`), name, part.innerHTML, part.dataset.tag);
  return true;
}

/** Puts the focus on what has come in the place of an element; else on the heading above. */
export function focusAgain(old, part) {
  const same = ["id", "data-copy", "href", "aria-label"].filter((name) => old.hasAttribute(name));
  const selector = same.map((name) => `[${name}="${CSS.escape(old.getAttribute(name))}"]`).join("");
  const target = (selector && part.querySelector(old.localName + selector)) || part.querySelector("h2");
  if (target?.tagName === "H2") target.tabIndex = -1;
  target?.focus({ preventScroll: true });
}

function showUnreachable(element) {
  const text = "The server cannot be reached now. What you see may be old.";
  const found = element.querySelector(".unreachable");
  if (found) return;
  const note = Object.assign(document.createElement("p"), { className: "wrong unreachable" });
  note.setAttribute("role", "alert");
  note.textContent = text;
  element.prepend(note);
}

/** A part that is not finished says after how long to look again. */
function again(element) {
  const name = element.dataset?.part;
  const waiting = element.querySelector("[data-again-ms]");
  if (!name || !waiting || timers.has(name)) return;
  timers.set(name, setTimeout(() => {
    timers.delete(name);
    if (isInUse(name)) again(element);
    else refresh(name, { quietly: true }).catch(() => again(element));
  }, Number(waiting.dataset.againMs)));
}

/** What has been said once is not said again when the page is loaded again. */
function tidyAddress(root) {
  const said = [...root.querySelectorAll("[data-done]")].map((element) => element.dataset.done);
  if (!said.length) return;
  const address = new URL(location.href);
  const belongs = said.includes("checkout") ? ["cancelled", "session_id"] : [];
  for (const name of [...said, ...belongs]) address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

function go(search, name) {
  const asked = new URLSearchParams(search);
  const address = new URLSearchParams(location.search);
  for (const own of OWN[name] ?? []) {
    address.delete(own);
    if (asked.has(own)) address.set(own, asked.get(own));
  }
  history.pushState(null, "", `${base}${address.size ? `?${address}` : ""}#${name}`);
  ask(name);
}

function ask(name) {
  refresh(name, { isAsked: true }).then(() => say(`${name} was updated`)).catch(() => unanswered.add(name));
}

function followLink(event) {
  const link = event.target.closest?.("a[data-refresh]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(new URL(link.href).search, link.dataset.refresh);
}

function applyFilters(event) {
  const form = event.target.closest("form[data-refresh]");
  if (!form) return;
  event.preventDefault();
  const given = [...new FormData(form)].filter(([, value]) => value !== "");
  go(`?${new URLSearchParams(given)}`, form.dataset.refresh);
}

start();
