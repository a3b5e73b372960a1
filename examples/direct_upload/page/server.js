// Requests to the application server.

import { Trouble } from "./words.js";

/** With these the permission to upload has come to nothing, and another try needs a new one. */
const GONE = new Set(["no_such_upload", "not_stored", "other_file"]);

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Trouble("The server cannot be reached. Try again in a moment.", { code: "server" });
  }
  const text = await response.text();
  let answer = {};
  try {
    answer = text === "" ? {} : JSON.parse(text);
  } catch {
    // Not the application's answer; the status says enough.
  }
  if (!response.ok) {
    const message = answer.message ?? `The server answered with an error (${response.status}). Try again in a moment.`;
    throw new Trouble(message, { code: answer.error ?? "", fresh: GONE.has(answer.error) });
  }
  return answer;
}

export const rules = () => ask("GET", "/api/rules");
export const files = async () => (await ask("GET", "/api/files")).files;
export const allow = (file) => ask("POST", "/api/uploads", { name: file.name, type: file.type, size: file.size });
export const partUrls = async (id, numbers) => (await ask("POST", `/api/uploads/${id}/parts`, { numbers })).urls;
export const complete = (id) => ask("POST", `/api/uploads/${id}/complete`);
export const look = (id) => ask("POST", `/api/uploads/${id}/look`);
export const cancel = (id) => ask("DELETE", `/api/uploads/${id}`);
export const contentPath = (id) => `/api/files/${id}/content`;
