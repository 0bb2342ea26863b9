// The page of a market: sliders ask the server what shares would become, and parts that take a moment come later.
"use strict";

document.documentElement.classList.add("has-script");

const form = document.getElementById("ask");
// Without a what-if, as where a market has no course, there are none, and nothing of what belongs to them.
const levers = [...form.querySelectorAll(".lever")].map((element) => ({
  element,
  last: element.dataset.last,
  field: element.querySelector("input[type=number]"),
  range: element.querySelector("input[type=range]"),
}));

// A slider stops at a thousandth of its way: no more digits than tell apart two places of it.
function rounded(range) {
  const step = (Number(range.max) - Number(range.min)) / 1000;
  const digits = Math.min(Math.max(Math.ceil(-Math.log10(step)), 0), 12);
  return String(Number(Number(range.value).toFixed(digits)));
}

function mark({ element, last, field, range }) {
  element.classList.toggle("is-set", field.value !== "" && field.value !== last);
  range.setAttribute("aria-valuetext", field.value || last);
}

function changed() {
  return levers.filter(({ field, last }) => field.value !== "" && field.value !== last);
}

// At most one question is on its way; what was moved meanwhile is asked when its answer is there.
let asking = false;
let waiting = false;

async function ask() {
  waiting = true;
  if (asking) return;
  asking = true;
  while (waiting) {
    waiting = false;
    const address = new URL(form.dataset.answers, location.href);
    for (const { field } of changed()) address.searchParams.set(field.name, field.value);
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      show(await answer.json());
    } catch {
      say("The server does not answer; is `beed explore` still running?");
    }
  }
  asking = false;
}

function show(answer) {
  if (answer.error) {
    say(answer.error);
    return;
  }
  for (const name of ["courses", "table", "cautions"]) document.getElementById(name).innerHTML = answer[name];
  document.getElementById("scenario").textContent = answer.scenario;
  say(answer.said);
  settle(answer.address);
}

// What is read aloud, and the address, change when a slider rests.
let resting = 0;
let saying = 0;

function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => (document.getElementById("said").textContent = text), 250);
}

function settle(address) {
  clearTimeout(resting);
  const link = new URL(address, location.href);
  link.searchParams.delete("snapshot");
  const pinned = new URLSearchParams(location.search).get("snapshot");
  if (pinned) link.searchParams.set("snapshot", pinned);
  resting = setTimeout(() => history.replaceState(null, "", link.pathname + link.search + location.hash), 250);
}

for (const lever of levers) {
  const { field, range } = lever;
  range.addEventListener("input", () => {
    field.value = rounded(range);
    mark(lever);
    ask();
  });
  field.addEventListener("input", () => {
    range.value = field.value || lever.last;
    mark(lever);
    if (field.value === "" || field.checkValidity()) ask();
  });
  mark(lever);
}

document.getElementById("reset")?.addEventListener("click", (event) => {
  event.preventDefault();
  for (const lever of levers) {
    lever.field.value = lever.range.value = lever.last;
    mark(lever);
  }
  ask();
});

// A link says what is set, and no more.
form.addEventListener("submit", () => {
  for (const { field, last } of levers) field.disabled = field.value === last;
  setTimeout(() => levers.forEach(({ field }) => (field.disabled = false)));
});

async function fill(element, address) {
  element.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    element.innerHTML = await answer.text();
  } catch {
    element.textContent = "The server does not answer; is `beed explore` still running?";
  }
  element.removeAttribute("aria-busy");
}

document.getElementById("again")?.addEventListener("click", () => {
  const part = document.getElementById("bands-drawn");
  const address = new URL(part.dataset.part, location.href);
  for (const { field } of levers) address.searchParams.delete(field.name);
  for (const { field } of changed()) address.searchParams.set(field.name, field.value);
  fill(part, address);
});

// One after the other: sliders must not wait for them.
(async () => {
  for (const element of document.querySelectorAll("[data-part][aria-busy]")) await fill(element, element.dataset.part);
})();
