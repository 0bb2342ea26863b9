// Parts of a page that change while a sweep runs: an element with data-live="ADDRESS" is asked for again and again,
// without the page being loaded anew. Headers of an answer say after how many seconds (Beed-Again; 0: no more), and
// what it shows (Beed-Of), which is sent along the next time: where nothing has changed, the answer is empty.
"use strict";

function follow(element) {
  const wait = (seconds) => setTimeout(renew, 1000 * seconds);

  async function renew() {
    if (document.hidden) return wait(2);
    let again = 10;
    try {
      const address = new URL(element.dataset.live, location.href);
      if (element.dataset.of) address.searchParams.set("of", element.dataset.of);
      const answer = await fetch(address);
      if (answer.ok) {
        const text = await answer.text();
        if (answer.status !== 204) show(element, text);
        element.dataset.of = answer.headers.get("Beed-Of") || "";
        again = Number(answer.headers.get("Beed-Again") || 0);
      }
    } catch {
      // The server has gone, or is slow: ask again later.
    }
    if (again > 0) wait(again);
  }

  wait(Number(element.dataset.again || 2));
}

// What tells a thing that was shown before from others: its own text or name.
function name(one) {
  return one.getAttribute("aria-label") || one.getAttribute("href") || one.textContent;
}

function show(element, text) {
  // What a reader has opened stays open, and the keyboard where it is.
  const summary = (one) => one.querySelector("summary").textContent;
  const open = new Set([...element.querySelectorAll("details[open]")].map(summary));
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.innerHTML = text;
  for (const one of element.querySelectorAll("details")) if (open.has(summary(one))) one.open = true;
  if (focused !== null) {
    const same = [...element.querySelectorAll(focused.localName)].find((one) => name(one) === name(focused));
    if (same !== undefined) same.focus({ preventScroll: true });
  }
}

// A page that takes long holds this script twice, the first time above what takes long.
for (const element of document.querySelectorAll("[data-live]:not([data-followed])")) {
  element.dataset.followed = "yes";
  follow(element);
}
