// Keeps the page fresh: one event stream, and at each event the page is asked for again and what differs is put in place.

function place(id, fresh) {
  const shown = document.getElementById(id);
  const next = fresh.getElementById(id);
  if (shown && next && shown.innerHTML !== next.innerHTML) shown.innerHTML = next.innerHTML;
}

async function refresh() {
  const answer = await fetch(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = fresh.title;
  for (const id of ["tabs", "channels", "people", "faults", "list"]) place(id, fresh);
  const shown = document.getElementById("message");
  if (!shown) return; // the alerts, which are all in the list
  const next = fresh.getElementById("message");
  // The message itself never changes: its frame is left alone, so that reading it is not disturbed.
  if (shown.dataset.id === next.dataset.id) for (const id of ["timeline", "history"]) place(id, fresh);
  else shown.replaceWith(next);
}

// On a narrow screen, the view that is looked at may be one of those beside the screen.
document.querySelector(".views [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// On a phone that has got many, the message that was chosen may be below what is seen.
document.querySelector(".phone [aria-current]")?.scrollIntoView({ block: "nearest" });

function say(state) {
  const live = document.getElementById("live");
  live.textContent = state;
  live.dataset.state = state;
}

// Events that come during a refresh are answered by one more, not by one each.
let refreshing = false;
let again = false;
async function refreshOnce() {
  again = true;
  if (refreshing) return;
  refreshing = true;
  try {
    while (again) {
      again = false;
      await refresh();
    }
  } finally {
    refreshing = false;
  }
}

const stream = new EventSource("/changes");
stream.onopen = () => say("live");
stream.onerror = () => say("not connected");
stream.onmessage = refreshOnce;

// What is counted follows the messages seconds later, and no event tells of it.
const every = Number(document.getElementById("list")?.dataset.every);
if (every) setInterval(refreshOnce, every);

// Queues and circuits: only figures and words are put in place, so that no form is disturbed that somebody fills in.
async function poll(platform) {
  if (document.hidden) return;
  const answer = await fetch("/api/platform");
  if (!answer.ok) return;
  const seen = await answer.json();
  for (const each of platform.querySelectorAll("[data-live]")) {
    const value = each.dataset.live.split("/").reduce((at, name) => at?.[name], seen) ?? "";
    if ("hides" in each.dataset) each.hidden = !value;
    else if (each.textContent !== String(value)) each.textContent = value;
    each.dataset.state = value;
  }
}

const platform = document.getElementById("platform");
if (platform) setInterval(() => poll(platform).catch(() => {}), Number(platform.dataset.poll));
