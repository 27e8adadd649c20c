// Looks for what is new: the balance now and then, and what belongs to it when it has changed.

import { isInUse, refresh } from "./parts.js";

const EVERY_MS = 1000;
const SLOWER_MS = 5000;
// What a call or a payment changes, and which name in the address means an older page of it.
const FOLLOWS = { usage: "cursor", ledger: "ledgerCursor", spending: null };

const FAILURES_UNSAID = 2;

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
    if (await refresh("balance", { quietly })) await follow();
    failures = 0;
  } catch {
    failures += 1;
  }
  if (!document.hidden) timer = setTimeout(look, failures ? SLOWER_MS : EVERY_MS);
}

/** A charge is in the balance at once, and in the tables once it is written: the card says so, too. */
async function follow() {
  const asked = new URLSearchParams(location.search);
  const names = Object.keys(FOLLOWS).filter((name) => !asked.has(FOLLOWS[name]) && !isInUse(name));
  if (!isInUse("keys")) names.push("keys");
  await Promise.all(names.map((name) => refresh(name, { quietly: true })));
}

start();
