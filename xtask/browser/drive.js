// Drives the page of examples/direct_upload in a real browser: `node drive.js PAGE STORAGE CHROMIUM FOLDER`.
//
// PAGE is the page's URL, STORAGE that of the emulated OSS, CHROMIUM the browser's program, FOLDER where files and
// screenshots go. Each check prints one line of JSON.
"use strict";

const assert = require("node:assert/strict");
const { once } = require("node:events");
const http = require("node:http");
const path = require("node:path");
const { chromium } = require("playwright-core");

const { page_url, executablePath, folder } = require("./given.js");
const { big, pdf, picture, remove_files, text } = require("./files.js");
const { every_state, look } = require("./looks.js");
const { absent, change, item, live, press, recorded, says } = require("./page.js");
const { admin, end, fault, requests, state } = require("./storage.js");

const WIDE = { width: 1100, height: 860 };
const NARROW = { width: 375, height: 760 };

/** What the browser reported that nobody asked for. */
const complaints = [];

const checks = {
  "three files, each with its callback": async ({ page }) => {
    await page.setInputFiles("#choose", [picture("lake.png", 40), text("notes.txt", 40_000), pdf("report.pdf")]);
    for (const name of ["lake.png", "notes.txt", "report.pdf"]) {
      await recorded(page, name, "Called back");
    }
    await page.waitForFunction(() => document.querySelector("#uploads").childElementCount === 0);
    assert.equal(await page.textContent("#files-count"), "3 files");
    assert.match(await item(page, "#files", "lake.png").textContent(), /320 × 240/);
    assert.match(await page.textContent("#announce"), /lake\.png is stored and recorded/);
  },

  "after a reload the list is there, pictures too": async ({ page }) => {
    await page.reload();
    for (const name of ["lake.png", "notes.txt", "report.pdf"]) {
      await recorded(page, name, "Called back");
    }
    const image = item(page, "#files", "lake.png").locator("img");
    await image.evaluate((image) => image.decode());
    assert.equal(await image.evaluate((image) => image.naturalWidth), 320);
  },

  "another window of the same user is told": async ({ page, context }) => {
    const other = await context.newPage();
    await other.goto(page_url);
    await live(other);
    await page.setInputFiles("#choose", [text("shared.txt", 10)]);
    await recorded(other, "shared.txt", "Called back");
    await other.close();
  },

  "another user sees none of it": async ({ browser }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(page_url);
    await live(page);
    await page.waitForSelector("#files-empty:not([hidden])");
    assert.equal(await page.locator("#files > li").count(), 0);
    await context.close();
  },

  "a type that is not taken": async ({ page }) => {
    const before = await requests("PostObject");
    await page.setInputFiles("#choose", [{ name: "drawing.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") }]);
    await says(page, "drawing.svg", /type are not taken. Choose JPEG, PNG/);
    assert.equal(await requests("PostObject"), before);
    await press(page, "drawing.svg", "Dismiss");
    await absent(page, "drawing.svg");
  },

  "a file that is too large": async ({ page }) => {
    await page.setInputFiles("#choose", big("film.mp4", 26_000_000));
    await says(page, "film.mp4", /has 26 MB; the most is 25 MB/);
    await press(page, "film.mp4", "Dismiss");
  },

  "a file that grows after it was announced": async ({ page }) => {
    // The page's own check is gone round: what counts is pinned in the policy.
    await change(page, (wish) => ({ ...wish, size: wish.size - 1 }), (answer) => answer);
    await page.setInputFiles("#choose", [text("grown.txt", 5000)]);
    await says(page, "grown.txt", /not as long as was announced/);
    await page.unroute("**/api/uploads");
    await press(page, "grown.txt", "Try again");
    await recorded(page, "grown.txt", "Called back");
  },

  "a policy that was tampered with": async ({ page }) => {
    await change(page, (wish) => wish, (answer) => {
      const field = answer.way.form.fields.find(([name]) => name === "policy");
      const policy = Buffer.from(field[1], "base64").toString().replace("content-length-range", "content-length-ranga");
      field[1] = Buffer.from(policy).toString("base64");
      return answer;
    });
    await page.setInputFiles("#choose", [text("tampered.txt", 100)]);
    await says(page, "tampered.txt", /the permission was changed on the way/);
    await page.unroute("**/api/uploads");
    await press(page, "tampered.txt", "Dismiss");
  },

  "a field of the form that was tampered with": async ({ page }) => {
    await change(page, (wish) => wish, (answer) => {
      answer.way.form.fields.find(([name]) => name === "key")[1] = "user/somebody-else/file.txt";
      return answer;
    });
    await page.setInputFiles("#choose", [text("elsewhere.txt", 100)]);
    await says(page, "elsewhere.txt", /not the one the server has signed/);
    await page.unroute("**/api/uploads");
    await press(page, "elsewhere.txt", "Dismiss");
    assert.ok(!(await state()).includes("somebody-else"));
  },

  "a connection that breaks, and another try": async ({ page }) => {
    // Chromium itself sends once more what broke on a connection that was used before, so it has to break each time.
    const breaks = await fault({ operation: "PostObject", action: "reset-request", after_bytes: 100_000, always: true });
    await page.setInputFiles("#choose", [text("broken.txt", 900_000)]);
    await says(page, "broken.txt", /connection to the storage broke. Try again/);
    await end(breaks);
    await press(page, "broken.txt", "Try again");
    await recorded(page, "broken.txt", "Called back");
  },

  "an answer that is lost, where the callback was not": async ({ page }) => {
    const drops = await fault({ operation: "PostObject", action: "drop-answer", always: true });
    await page.setInputFiles("#choose", [text("unheard.txt", 1000)]);
    await recorded(page, "unheard.txt", "Called back");
    await absent(page, "unheard.txt");
    await end(drops);
    assert.equal(await item(page, "#files", "unheard.txt").count(), 1);
  },

  "an answer that is lost, and no news": async ({ context }) => {
    const page = await context.newPage();
    await page.route("**/api/events", (route) => route.abort());
    await page.goto(page_url);
    await page.locator("#live[data-state=off]").waitFor();
    const drops = await fault({ operation: "PostObject", action: "drop-answer", always: true });
    await page.setInputFiles("#choose", [text("unknown.txt", 1000)]);
    await says(page, "unknown.txt", /connection to the storage broke/);
    await end(drops);
    const before = await requests("PostObject");
    await press(page, "unknown.txt", "Try again");
    await recorded(page, "unknown.txt", "Called back");
    await absent(page, "unknown.txt");
    assert.equal(await requests("PostObject"), before, "it is looked for, not sent again");
    await page.close();
  },

  "a callback that fails: stored, but not recorded": async ({ page }) => {
    await fault({ operation: "PostObject", action: "fail-callback", message: "Error status : 502.", ec: "0007-00000203" });
    await page.setInputFiles("#choose", [picture("unrecorded.png", 200)]);
    await says(page, "unrecorded.png", /Stored, but not recorded/);
    assert.equal(await item(page, "#files", "unrecorded.png").count(), 0);
    await press(page, "unrecorded.png", "Record it now");
    await recorded(page, "unrecorded.png", "Looked up");
  },

  "a large file in parts, one of which breaks": async ({ page }) => {
    await fault({ operation: "UploadPart", part: 2, attempt: 1, action: "reset-request", after_bytes: 1_000_000 });
    const before = await requests("UploadPart");
    await page.setInputFiles("#choose", big("holiday.mp4", 20_000_000));
    await recorded(page, "holiday.mp4", "Called back");
    assert.equal((await requests("UploadPart")) - before, 4, "three parts, one of them twice");
    assert.equal(await requests("CompleteMultipartUpload"), 1);
  },

  "a cancelled upload stores nothing": async ({ page }) => {
    const held = await fault({ operation: "PostObject", action: "stall", after_bytes: 300_000 });
    await page.setInputFiles("#choose", big("cancelled.zip", 12_000_000, "PK"));
    await page.waitForSelector("progress:not([hidden])");
    await press(page, "cancelled.zip", "Cancel");
    await absent(page, "cancelled.zip");
    await end(held);
    await page.reload();
    await live(page);
    assert.equal(await item(page, "#files", "cancelled.zip").count(), 0);
  },

  "a cancelled large upload leaves no parts": async ({ page }) => {
    const held = await fault({ operation: "UploadPart", part: 3, action: "stall", after_bytes: 1 });
    await page.setInputFiles("#choose", big("dropped.mp4", 20_000_000));
    await page.waitForFunction(() => document.querySelector("progress:not([hidden])")?.value > 10_000_000);
    await press(page, "dropped.mp4", "Cancel");
    await absent(page, "dropped.mp4");
    await end(held);
    await until(async () => JSON.parse(await state()).buckets.every((bucket) => bucket.uploads.length === 0));
  },

  "an upload that is cancelled while the server is asked": async ({ page }) => {
    const held = new Promise((resume) => {
      page.route("**/api/uploads", async (route) => {
        const response = await route.fetch();
        resume(() => route.fulfill({ response }));
      });
    });
    const uploads = async () => JSON.parse(await state()).buckets.flatMap((bucket) => bucket.uploads).length;
    await page.setInputFiles("#choose", big("regretted.mp4", 20_000_000));
    const answer = await held;
    assert.equal(await uploads(), 1);
    await press(page, "regretted.mp4", "Cancel");
    await absent(page, "regretted.mp4");
    await answer();
    await until(async () => (await uploads()) === 0);
    await page.unroute("**/api/uploads");
  },

  "a part that breaks each time, and another try": async ({ page }) => {
    const breaks = await fault({ operation: "UploadPart", part: 2, action: "reset-request", after_bytes: 1000, always: true });
    await page.setInputFiles("#choose", big("series.mp4", 20_000_000));
    await says(page, "series.mp4", /connection to the storage broke. Try again/);
    await end(breaks);
    const before = await requests("UploadPart");
    await press(page, "series.mp4", "Try again");
    await recorded(page, "series.mp4", "Called back");
    assert.equal((await requests("UploadPart")) - before, 1, "what has arrived is not sent again");
  },

  "parts that the storage has removed, and another try": async ({ page }) => {
    await fault({ operation: "ListParts", action: "answer", status: 404, code: "NoSuchUpload" });
    await page.setInputFiles("#choose", big("expired.mp4", 20_000_000));
    await says(page, "expired.mp4", /has not arrived in the storage. Try again/);
    await press(page, "expired.mp4", "Try again");
    await recorded(page, "expired.mp4", "Called back");
  },

  "a server that could not be asked at first": async ({ context }) => {
    const page = await context.newPage();
    const busy = (route) => route.fulfill({ status: 503, json: { error: "database", message: "The server could not reach its database." } });
    await page.route(/api\/(rules|events|files)$/, busy);
    await page.goto(page_url);
    await page.locator("#rules", { hasText: "could not reach its database" }).waitFor();
    await page.locator("#live[data-state=off]", { hasText: "could not reach its database" }).waitFor();
    await page.unroute(/api\/(rules|events|files)$/);
    await page.setInputFiles("#choose", [text("patient.txt", 10)]);
    await recorded(page, "patient.txt", "Called back");
    await live(page);
    await page.close();
  },

  "files that are dropped on the page": async ({ page }) => {
    const data = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" }));
      return data;
    });
    await page.dispatchEvent("body", "dragenter", { dataTransfer: data });
    assert.equal(await page.getAttribute("#drop", "data-over"), "");
    await page.dispatchEvent("body", "drop", { dataTransfer: data });
    await recorded(page, "dropped.txt", "Called back");
    assert.equal(await page.getAttribute("#drop", "data-over"), null);
  },

  "another site gets nowhere": async ({ page, context }) => {
    // To a browser, localhost is another site than 127.0.0.1.
    const server = http.createServer((_, response) => response.end("<title>attacker</title>")).listen(0, "localhost");
    await once(server, "listening");
    const attacker = await context.newPage();
    await attacker.goto(`http://localhost:${server.address().port}/`);
    const asked = attacker.waitForResponse(`${page_url}/api/uploads`);
    const read = await attacker.evaluate(async (page) => {
      const body = JSON.stringify({ name: "a.txt", type: "text/plain", size: 5 });
      const ask = (options) => fetch(`${page}/api/uploads`, { method: "POST", credentials: "include", body, ...options });
      await ask({ mode: "no-cors" });
      return ask({}).then(() => "read", () => "not read");
    }, page_url);
    assert.deepEqual([(await asked).status(), read], [401, "not read"]);

    await attacker.evaluate((page) => document.body.append(Object.assign(document.createElement("iframe"), { src: page })), page_url);
    await until(() => attacker.frames()[1]?.url().startsWith("chrome-error:"));

    // A form needs no leave: whoever has it can send it, and it does what it says.
    const form = await page.evaluate(async () => {
      const body = JSON.stringify({ name: "passed on.txt", type: "text/plain", size: 5 });
      const answer = await fetch("/api/uploads", { method: "POST", body, headers: { "content-type": "application/json" } });
      return (await answer.json()).way.form;
    });
    await attacker.evaluate(({ url, fields }) => {
      const body = new FormData();
      fields.forEach(([name, value]) => body.append(name, value));
      body.append("file", new Blob(["hello"]));
      return fetch(url, { method: "POST", mode: "no-cors", body });
    }, form);
    await recorded(page, "passed on.txt", "Called back");

    // A link from there leads to the page with its session, and does not end it.
    await attacker.evaluate((page) => document.body.append(Object.assign(document.createElement("a"), { href: page, textContent: "there" })), page_url);
    await attacker.click("a");
    await recorded(attacker, "passed on.txt", "Called back");
    await attacker.close();
    server.close();
  },

  "a name that is a script is a name": async ({ page }) => {
    const name = '<img src=x onerror="document.title=1">.txt';
    await page.setInputFiles("#choose", [text(name, 10)]);
    await recorded(page, name, "Called back");
    assert.equal(await page.title(), "Direct upload");
  },

  "by keyboard alone": async ({ page }) => {
    await page.reload();
    await live(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "choose");
    const chooser = page.waitForEvent("filechooser");
    await page.keyboard.press("Space");
    await (await chooser).setFiles([{ name: "keys.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") }]);
    await says(page, "keys.svg", /not taken/);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Dismiss: keys.svg");
    await page.keyboard.press("Enter");
    await absent(page, "keys.svg");
    assert.equal(await page.evaluate(() => document.activeElement.id), "choose", "the focus is not lost");
  },

  "the page is told when the server is back": async ({ page, context }) => {
    await context.setOffline(true);
    await page.setInputFiles("#choose", [text("offline.txt", 10)]);
    await says(page, "offline.txt", /cannot be reached. Try again/);
    await context.setOffline(false);
    await press(page, "offline.txt", "Try again");
    await recorded(page, "offline.txt", "Called back");
  },

  "it looks as it should, narrow and wide, light and dark": async ({ browser }) => {
    for (const colorScheme of ["light", "dark"]) {
      for (const [name, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
        const context = await browser.newContext({ viewport, colorScheme, deviceScaleFactor: 2 });
        const page = await watched(context);
        await page.goto(page_url);
        await live(page);
        await page.waitForSelector("#files-empty:not([hidden])");
        await look(page, `empty-${name}-${colorScheme}`);
        const held = await every_state(page);
        await look(page, `states-${name}-${colorScheme}`);
        await end(held);
        await context.close();
      }
    }
  },
};

async function until(holds) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await holds()) {
      return;
    }
    await new Promise((resume) => setTimeout(resume, 50));
  }
  assert.fail("it did not come to pass within fifteen seconds");
}

/** A page whose complaints are heard: errors of scripts, and what its own content security policy forbids. */
async function watched(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  // A chooser is caught only where somebody listens, and listening takes effect after a moment: so from the beginning.
  page.on("filechooser", () => {});
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy|CORS/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  return page;
}

async function main() {
  // Nothing but what is on this machine is to be talked to.
  const quiet = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath, args: [...quiet, ...sandbox] });
  const context = await browser.newContext({ viewport: WIDE });
  const page = await watched(context);
  await page.goto(page_url);
  await live(page);
  for (const [check, work] of Object.entries(checks)) {
    let note = "";
    try {
      await work({ browser, context, page });
      assert.deepEqual(complaints.splice(0), [], "the browser complained");
    } catch (error) {
      note = error.stack;
      await admin("DELETE", "faults");
      await page.screenshot({ path: path.join(folder, "failed.png"), fullPage: true }).catch(() => {});
    }
    console.log(JSON.stringify({ check, result: note === "" ? "ok" : "failed", note }));
  }
  await browser.close();
  remove_files();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
