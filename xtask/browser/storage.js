// The emulated OSS: its faults, its state and its journal.
"use strict";

const assert = require("node:assert/strict");

const { storage } = require("./given.js");

async function admin(method, resource, body) {
  const response = await fetch(`${storage}/-/${resource}`, { method, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${resource}: ${response.status}`);
  return response.text();
}

/** Injects a fault and returns its id. */
async function fault(rule) {
  const [id] = JSON.parse(await admin("POST", "faults", [rule])).ids;
  return id;
}

const end = (id) => admin("DELETE", `faults/${id}`);
const state = () => admin("GET", "state");

async function requests(operation) {
  const entries = JSON.parse(await admin("GET", "journal?since=0"));
  return entries.filter((entry) => entry.operation === operation).length;
}

module.exports = { admin, end, fault, requests, state };
