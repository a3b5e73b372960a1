// How the page looks, and whether everybody can use it.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

const { folder } = require("./given.js");
const { big, picture, text } = require("./files.js");
const { press, recorded, says } = require("./page.js");
const { end, fault } = require("./storage.js");

const axe = fs.readFileSync(require.resolve("axe-core"), "utf8");

/** Brings a page to show every state a file can be in. */
async function every_state(page) {
  await page.setInputFiles("#choose", [text("minutes of the meeting.txt", 5000)]);
  await recorded(page, "minutes of the meeting.txt", "Called back");
  await page.setInputFiles("#choose", [picture("lake.png", 40)]);
  await recorded(page, "lake.png", "Called back");
  await fault({ operation: "PostObject", action: "fail-callback", message: "Error status : 502.", ec: "0007-00000203" });
  await page.setInputFiles("#choose", [picture("forest.png", 140)]);
  await says(page, "forest.png", /Stored, but not recorded/);
  await press(page, "forest.png", "Record it now");
  await recorded(page, "forest.png", "Looked up");
  await page.setInputFiles("#choose", [text("logo.svg", 10, "image/svg+xml")]);
  await fault({ operation: "PostObject", action: "fail-callback", message: "Error status : 502.", ec: "0007-00000203" });
  await page.setInputFiles("#choose", [picture("sunset over the harbour, seen from the old lighthouse.png", 20)]);
  await says(page, "sunset", /Stored, but not recorded/);
  const breaks = await fault({ operation: "PostObject", action: "reset-request", after_bytes: 100_000, always: true });
  await page.setInputFiles("#choose", [text("thesis.pdf", 900_000, "application/pdf")]);
  await says(page, "thesis.pdf", /broke/);
  await end(breaks);
  const held = await fault({ operation: "UploadPart", action: "stall", after_bytes: 1, always: true });
  await page.setInputFiles("#choose", big("archive.zip", 24_000_000));
  await page.waitForFunction(() => document.querySelector("progress:not([hidden])")?.value > 4_000_000);
  await page.locator("#files img").evaluateAll((images) => Promise.all(images.map((image) => image.decode())));
  return held;
}

/** Takes a screenshot, and has the rules of accessibility checked. */
async function look(page, name) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(width <= 0, `${name}: the page is ${width} px too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]), [], name);
}

module.exports = { every_state, look };
