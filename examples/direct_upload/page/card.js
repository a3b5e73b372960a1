// One upload on the page: what it shows, and what can be done with it.

import { send } from "./send.js";
import * as server from "./server.js";
import { Trouble, bytes } from "./words.js";

/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A picture of a file, or the end of its name. */
export function thumb(name, source) {
  const box = make("div", { className: "thumb", ariaHidden: "true" });
  const ending = (name.includes(".") ? name.split(".").pop() : "file").slice(0, 4).toUpperCase();
  if (source) {
    const image = make("img", { src: source, alt: "", loading: "lazy", decoding: "async" });
    // What the storage has may be no image, whatever its type says.
    image.onerror = () => box.replaceChildren(ending);
    box.append(image);
  } else {
    box.append(ending);
  }
  return box;
}

export class Card {
  /**
   * `done` is called when the file is recorded, `again` when it is to be sent once more, `gone` when the card is to be taken
   * away, `say` with what is to be read out.
   */
  constructor(file, { done, again, gone, say }) {
    Object.assign(this, { file, done, again, gone, say });
    this.sent = new Set();
    this.preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
    this.text = make("p", { className: "state" });
    this.bar = make("progress", { max: Math.max(file.size, 1), value: 0, ariaLabel: `Upload of ${file.name}`, hidden: true });
    this.actions = make("div", { className: "actions" });
    const name = make("p", { className: "name" }, file.name);
    this.element = make("li", { className: "item", tabIndex: -1 }, thumb(file.name, this.preview), name, this.text, this.actions, this.bar);
    this.wait();
  }

  /** Says why the file is not uploaded at all. */
  refuse(why) {
    this.show("refused", why, [["Dismiss", () => this.remove()]]);
    this.say(`${this.file.name}: ${why}`);
  }

  /** Sends the file, and ends when it is recorded, stored, failed or cancelled. */
  async run() {
    this.abort = new AbortController();
    const signal = this.abort.signal;
    try {
      this.show("asking", "Asking the server …", [["Cancel", () => this.cancel()]]);
      if (!(await this.arrivedBefore())) {
        this.allowed ??= await server.allow(this.file);
        // The user may have cancelled while the server was asked, and then it was not told.
        if (signal.aborted) {
          this.forget();
          throw new Trouble("Cancelled.", { code: "cancelled" });
        }
        this.begun = performance.now();
        this.already = null;
        this.show("sending", "Sending …", [["Cancel", () => this.cancel()]]);
        this.mayHaveArrived = true;
        const outcome = await send(this.file, this.allowed, { sent: this.sent, progress: (done) => this.progress(done), signal });
        if (outcome === "stored") {
          this.stored();
          return;
        }
      }
      this.finished();
    } catch (trouble) {
      this.failed(trouble);
    }
  }

  /** After a broken connection nobody here knows whether the file has arrived: the server looks. */
  async arrivedBefore() {
    if (!this.mayHaveArrived || !this.allowed?.way.form) {
      return false;
    }
    try {
      await server.look(this.allowed.id);
      return true;
    } catch (trouble) {
      if (trouble.code === "not_stored") {
        return false;
      }
      throw trouble;
    }
  }

  progress(done) {
    if (this.element.dataset.state !== "sending") {
      return;
    }
    this.bar.value = done;
    if (done >= this.file.size) {
      this.text.textContent = "Sent. The storage is telling the server …";
      return;
    }
    // Parts of an earlier try do not make this one faster.
    this.already ??= done;
    const seconds = (performance.now() - this.begun) / 1000;
    const speed = seconds > 0.5 && done > this.already ? ` · ${bytes((done - this.already) / seconds)}/s` : "";
    this.text.textContent = `${bytes(done)} of ${bytes(this.file.size)}${speed}`;
  }

  /** The storage has the file, and the server does not know. */
  stored() {
    if (this.removed) {
      return;
    }
    this.show("stored", "Stored, but not recorded: the storage has the file, but could not tell the server.", [
      ["Record it now", () => this.look(), "primary"],
    ]);
    this.say(`${this.file.name} is stored, but not recorded.`);
  }

  async look() {
    this.show("asking", "The server is looking …", []);
    try {
      await server.look(this.allowed.id);
      this.finished();
    } catch (trouble) {
      this.show("stored", `Stored, but not recorded. ${trouble.message}`, [["Record it now", () => this.look(), "primary"]]);
    }
  }

  failed(trouble) {
    // What the list knows is true, whatever became of the answer.
    if (this.removed) {
      return;
    }
    if (trouble.code === "cancelled") {
      this.remove();
      return;
    }
    if (trouble.code === "FileAlreadyExists") {
      this.look();
      return;
    }
    if (!(trouble instanceof Trouble)) {
      console.error(trouble);
      trouble = new Trouble("Something on this page went wrong. Reload it and try again.");
    }
    if (trouble.fresh) {
      this.forget();
    }
    if (trouble.code === "parts_missing") {
      this.sent.clear();
    }
    this.show("failed", trouble.message, [["Try again", () => this.retry(), "primary"], ["Dismiss", () => this.cancel()]]);
    this.say(`${this.file.name}: ${trouble.message}`);
  }

  /** Takes its turn again, as it did the first time. */
  retry() {
    this.wait();
    this.again(this);
  }

  wait() {
    this.show("waiting", `Waiting · ${bytes(this.file.size)}`, [["Cancel", () => this.cancel()]]);
  }

  finished() {
    if (!this.removed) {
      this.done(this);
    }
  }

  /** The file is in the list. */
  recorded() {
    this.say(`${this.file.name} is stored and recorded.`);
    this.remove();
  }

  async cancel() {
    this.abort?.abort();
    this.forget();
    this.say(`${this.file.name} is cancelled.`);
    this.remove();
  }

  /** Gives the permission back. That the server did not hear of it changes nothing for the user: it expires by itself. */
  forget() {
    if (this.allowed) {
      server.cancel(this.allowed.id).catch(() => {});
    }
    this.allowed = null;
    this.mayHaveArrived = false;
    this.sent.clear();
  }

  remove() {
    if (this.removed) {
      return;
    }
    const focused = this.element.contains(document.activeElement);
    this.removed = true;
    this.element.remove();
    if (this.preview) {
      URL.revokeObjectURL(this.preview);
    }
    this.gone(this, focused);
  }

  show(state, text, actions) {
    const focused = this.actions.contains(document.activeElement);
    this.element.dataset.state = state;
    this.text.textContent = text;
    this.bar.hidden = state !== "sending";
    this.actions.replaceChildren(
      ...actions.map(([label, act, className = ""]) =>
        make("button", { type: "button", className, onclick: act, ariaLabel: `${label}: ${this.file.name}` }, label),
      ),
    );
    // Whoever pressed a button that is gone now is not sent back to the top of the page.
    if (focused) {
      (this.actions.querySelector("button") ?? this.element).focus();
    }
  }
}
