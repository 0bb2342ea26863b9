// Parts of a page that change while a sweep runs: an element with data-live="ADDRESS" is fetched again and again.
// The answer says in the header Beed-Again after how many seconds; 0 or nothing: no more.
"use strict";

function follow(element) {
  const wait = (seconds) => setTimeout(renew, 1000 * seconds);
  async function renew() {
    if (document.hidden) {
      wait(2);
      return;
    }
    let again = 5;
    try {
      const answer = await fetch(element.dataset.live, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const text = await answer.text();
        if (text !== element.dataset.shown) {
          // What a reader has opened stays open, and the focus where it is.
          const open = [...element.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
          if (!element.contains(document.activeElement)) {
            element.innerHTML = text;
            element.dataset.shown = text;
          }
          for (const one of element.querySelectorAll("details > summary")) {
            if (open.includes(one.textContent)) one.parentElement.open = true;
          }
        }
        again = Number(answer.headers.get("Beed-Again") || 0);
      }
    } catch {
      again = 10;
    }
    if (again > 0) wait(again);
  }
  wait(Number(element.dataset.again || 2));
}

for (const element of document.querySelectorAll("[data-live]")) follow(element);
