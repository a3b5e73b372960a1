// The page: files come in by choosing, dropping or pasting, wait their turn, and are sent.

import { Card } from "./card.js";
import { follow, has } from "./files.js";
import * as server from "./server.js";
import { bytes, refusal } from "./words.js";

/** Files that are sent at the same time. */
const LANES = 3;

const choose = document.querySelector("#choose");
const drop = document.querySelector("#drop");
const uploads = document.querySelector("#uploads");
const announce = document.querySelector("#announce");
const queue = [];
const cards = new Set();
let busy = 0;

let rules = ask_rules();

/** What may be uploaded, or null; then it is asked for again when there is a file. */
async function ask_rules() {
  const shown = document.querySelector("#rules");
  try {
    const known = await server.rules();
    choose.accept = known.types.map((type) => type.type).join(",");
    shown.textContent = `${known.types.map((type) => type.label).join(", ")} · up to ${bytes(known.max_bytes)} each`;
    return known;
  } catch (trouble) {
    shown.textContent = trouble.message;
    say(trouble.message);
    return null;
  }
}

async function take(files) {
  const known = (await rules) ?? (await (rules = ask_rules()));
  if (!known) {
    return;
  }
  for (const file of files) {
    const card = new Card(file, { done, again, gone, say });
    cards.add(card);
    uploads.prepend(card.element);
    const why = refusal(file, known);
    if (why) {
      card.refuse(why);
    } else {
      queue.push(card);
    }
  }
  tell();
  next();
}

function next() {
  while (busy < LANES && queue.length > 0) {
    const card = queue.shift();
    if (card.removed) {
      continue;
    }
    busy += 1;
    card.run().finally(() => {
      busy -= 1;
      next();
    });
  }
}

/** The storage's answer and the server's news come in any order; the card goes when the file is in the list. */
function done(card) {
  if (has(card.allowed.id)) {
    card.recorded();
  } else {
    card.show("done", "Recorded.", []);
    refresh();
  }
}

/** Another try waits for a lane like the first, and is asked about like the first when the page is left. */
function again(card) {
  queue.push(card);
  next();
}

function gone(card, focused) {
  cards.delete(card);
  if (focused) {
    choose.focus();
  }
  tell();
}

function tell() {
  document.querySelector("#uploads-section").hidden = uploads.childElementCount === 0;
}

function say(text) {
  announce.append(Object.assign(document.createElement("span"), { textContent: `${text} ` }));
  while (announce.childElementCount > 20) {
    announce.firstElementChild.remove();
  }
}

// Whatever became of the storage's answer: a file that is in the list is done.
const refresh = follow((id) => {
  for (const card of cards) {
    if (card.allowed?.id === id) {
      card.recorded();
    }
  }
});

choose.addEventListener("change", () => {
  take([...choose.files]);
  // So that the same file can be chosen again.
  choose.value = "";
});

let inside = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (carriesFiles(event)) {
    inside += 1;
    drop.dataset.over = "";
  }
});
addEventListener("dragleave", (event) => {
  if (carriesFiles(event)) {
    inside -= 1;
    if (inside === 0) {
      delete drop.dataset.over;
    }
  }
});
addEventListener("dragover", (event) => {
  if (carriesFiles(event)) {
    event.preventDefault();
  }
});
addEventListener("drop", (event) => {
  if (carriesFiles(event)) {
    event.preventDefault();
    inside = 0;
    delete drop.dataset.over;
    take([...event.dataTransfer.files]);
  }
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length > 0) {
    take(files);
  }
});
addEventListener("beforeunload", (event) => {
  if (busy > 0) {
    event.preventDefault();
  }
});
