// Looks for what is new: the balance now and then, and what belongs to it when it has changed.

import { isInUse, refresh, tagOf, unanswered } from "./parts.js";

const EVERY_MS = 1000;
const SLOWER_MS = 5000;
// What a call or a payment changes, and which name in the address means an older page of it.
const FOLLOWS = { usage: "cursor", ledger: "ledgerCursor", spending: null, keys: null };
const FAILURES_UNSAID = 1;

const behind = new Set();
let followed = tagOf("balance");

let failures = 0;
let timer = null;

function start() {
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) look();
  });
  timer = setTimeout(look, EVERY_MS);
}

async function look() {
  clearTimeout(timer);
  try {
    const quietly = failures < FAILURES_UNSAID;
    await refresh("balance", { quietly });
    if (tagOf("balance") !== followed) for (const name of Object.keys(FOLLOWS)) behind.add(name);
    followed = tagOf("balance");
    await catchUp(quietly);
    failures = 0;
  } catch {
    failures += 1;
  }
  if (!document.hidden) timer = setTimeout(look, failures ? SLOWER_MS : EVERY_MS);
}

/**
 * A charge is in the balance at once, and in the tables once it is written: the card says so, too.
 * What is in use, or could not be fetched, stays behind until the next look; what somebody waits for
 * does not.
 */
async function catchUp(quietly) {
  const asked = new URLSearchParams(location.search);
  const changed = [...behind].filter((name) => !asked.has(FOLLOWS[name]) && !isInUse(name));
  const names = new Set([...changed, ...unanswered]);
  await Promise.all([...names].map(async (name) => {
    await refresh(name, { quietly, isAsked: unanswered.has(name) });
    behind.delete(name);
  }));
}

start();
