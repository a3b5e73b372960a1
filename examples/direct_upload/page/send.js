// Sending a file to the storage. XMLHttpRequest, because fetch does not tell how far an upload is.

import * as server from "./server.js";
import { Trouble, brokenConnection, storageTrouble } from "./words.js";

/** A part is tried so often before the user is asked. */
const ATTEMPTS = 3;
/** Parts that are under way at the same time. */
const LANES = 3;

/**
 * Sends the file the way the server has allowed it. `sent` holds the numbers of the parts that have arrived, and is added
 * to, so that another call goes on where this one stopped.
 *
 * The answer is "recorded" if the server has been told, and "stored" if the storage has the file and the server was not
 * told.
 */
export async function send(file, allowed, { sent, progress, signal }) {
  if (allowed.way.form) {
    return sendForm(file, allowed.way.form, { progress, signal });
  }
  await sendParts(file, allowed, { sent, progress, signal });
  progress(file.size);
  const answer = await server.complete(allowed.id);
  return answer.outcome;
}

async function sendForm(file, form, { progress, signal }) {
  const body = new FormData();
  for (const [name, value] of form.fields) {
    body.append(name, value);
  }
  // The storage ignores whatever comes after the file.
  body.append("file", file);
  const answer = await request("POST", form.url, body, { progress: (done) => progress(Math.min(done, file.size)), signal });
  // 203 is a success by its number. It says that the file is stored and that the server did not answer.
  if (answer.status === 203) {
    return "stored";
  }
  if (answer.status !== 200) {
    throw storageTrouble(answer.status, answer.text);
  }
  return "recorded";
}

async function sendParts(file, { id, way }, { sent, progress, signal }) {
  const waiting = [];
  for (let number = 1; number <= way.parts.count; number += 1) {
    if (!sent.has(number)) {
      waiting.push(number);
    }
  }
  const length = (number) => Math.min(way.parts.bytes, file.size - (number - 1) * way.parts.bytes);
  const moving = new Map([...sent].map((number) => [number, length(number)]));
  const tell = (number, done) => {
    moving.set(number, done);
    progress([...moving.values()].reduce((sum, part) => sum + part, 0));
  };
  const lane = async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      try {
        await sendPart(file, id, number, { tell, signal });
      } catch (trouble) {
        // Nothing new is begun, or it would still be under way when the user tries again.
        waiting.length = 0;
        throw trouble;
      }
      sent.add(number);
    }
  };
  // What is under way may arrive, and need not be sent again.
  const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
  const failed = lanes.find((lane) => lane.status === "rejected");
  if (failed) {
    throw failed.reason;
  }
}

async function sendPart(file, id, number, { tell, signal }) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const [part] = await server.partUrls(id, [number]);
      // A slice has no type, so the browser sends no Content-Type, which would have to be signed.
      const body = file.slice(part.start, part.start + part.length);
      const answer = await request("PUT", part.url, body, { progress: (done) => tell(number, done), signal });
      if (answer.status !== 200) {
        throw storageTrouble(answer.status, answer.text);
      }
      tell(number, part.length);
      return;
    } catch (trouble) {
      tell(number, 0);
      if (signal.aborted || trouble.fresh || attempt === ATTEMPTS) {
        throw trouble;
      }
      await new Promise((resume) => setTimeout(resume, 500 * 2 ** attempt * Math.random()));
    }
  }
}

function request(method, url, body, { progress, signal }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new Trouble("Cancelled.", { code: "cancelled" }));
      return;
    }
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    signal.addEventListener("abort", abort, { once: true });
    xhr.upload.onprogress = (event) => progress(event.loaded);
    xhr.onload = () => resolve({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = () => reject(brokenConnection());
    xhr.onabort = () => reject(new Trouble("Cancelled.", { code: "cancelled" }));
    xhr.onloadend = () => signal.removeEventListener("abort", abort);
    xhr.open(method, url);
    xhr.send(body);
  });
}
