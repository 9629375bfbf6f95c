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
  for (const id of ["channels", "people", "faults", "list"]) place(id, fresh);
  const shown = document.getElementById("message");
  const next = fresh.getElementById("message");
  // The message itself never changes: its frame is left alone, so that reading it is not disturbed.
  if (shown.dataset.id === next.dataset.id) place("timeline", fresh);
  else shown.replaceWith(next);
}

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
