// What the server has recorded, and the news of it.

import { make, thumb } from "./card.js";
import * as server from "./server.js";
import { bytes, moment } from "./words.js";

const list = document.querySelector("#files");
const shown = new Map();

/** Shows what is recorded, and goes on showing it. `changed` is told each id that is new. Returns how to ask again. */
export function follow(changed) {
  const take = (file) => {
    if (add(file)) {
      changed(file.id);
    }
  };
  const refresh = async () => {
    try {
      // The oldest first, since each is put at the top.
      (await server.files()).reverse().forEach(take);
      tell();
      return true;
    } catch (trouble) {
      // When the stream is opened again, the list is asked for again.
      live("off", trouble.message);
      return false;
    }
  };
  listen(take, refresh);
  return refresh;
}

/** Opens the stream of news. A browser opens a stream that broke again, but gives up after an answer that is none. */
function listen(take, refresh) {
  const stream = new EventSource("/api/events");
  stream.addEventListener("ready", () => {
    live("on", "Live");
    refresh();
  });
  stream.addEventListener("recorded", (event) => {
    take(JSON.parse(event.data));
    tell();
  });
  stream.addEventListener("error", async () => {
    if (stream.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(take, refresh), 3000 + 2000 * Math.random());
      // The stream does not tell why it was refused; the answer to this may.
      if (!(await refresh())) {
        return;
      }
    }
    live("off", "Reconnecting");
  });
}

/** Whether a file is in the list. */
export function has(id) {
  return shown.has(id);
}

function add(file) {
  if (shown.has(file.id)) {
    return false;
  }
  shown.set(file.id, file);
  list.prepend(item(file));
  return true;
}

function item(file) {
  const is_image = file.type.startsWith("image/");
  const facts = make("p", { className: "facts" });
  const fact = (text) => facts.append(make("span", {}, text));
  fact(bytes(file.size));
  if (file.width && file.height) {
    fact(`${file.width} × ${file.height}`);
  }
  if (is_image && file.learnt_by === "callback" && !file.format) {
    fact("not an image the storage can read");
  }
  fact(moment(file.recorded_at));
  const badge = make("span", { className: "badge" }, file.learnt_by === "look" ? "Looked up" : "Called back");
  badge.dataset.by = file.learnt_by;
  badge.title = file.learnt_by === "look"
    ? "The callback failed; the server looked at the storage itself."
    : "The storage told the server, which verified it.";
  const element = make("li", { className: "item" }, thumb(file.name, is_image ? server.contentPath(file.id) : null),
    make("p", { className: "name" }, file.name), facts, badge);
  element.dataset.id = file.id;
  return element;
}

function tell() {
  document.querySelector("#files-empty").hidden = shown.size > 0;
  document.querySelector("#files-count").textContent = shown.size === 1 ? "1 file" : shown.size > 1 ? `${shown.size} files` : "";
}

function live(state, text) {
  document.querySelector("#live").dataset.state = state;
  const shown = document.querySelector("#live-text");
  // What is said again is read out again.
  if (shown.textContent !== text) {
    shown.textContent = text;
  }
}
