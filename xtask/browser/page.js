// What a person sees and does on the page.
"use strict";

function item(page, list, name) {
  return page.locator(`${list} > li`).filter({ has: page.locator(".name", { hasText: name }) });
}

async function recorded(page, name, badge) {
  await item(page, "#files", name).locator(".badge", { hasText: badge }).waitFor();
}

async function says(page, name, words) {
  await item(page, "#uploads", name).locator(".state", { hasText: words }).waitFor();
}

async function absent(page, name) {
  await item(page, "#uploads", name).waitFor({ state: "detached" });
}

async function press(page, name, label) {
  await item(page, "#uploads", name).getByRole("button", { name: label }).click();
}

async function live(page) {
  await page.locator("#live[data-state=on]").waitFor();
}

/** Changes what the page asks of the server, and what it gets, as somebody in the middle of it could. */
async function change(page, wish, answer) {
  await page.route("**/api/uploads", async (route) => {
    const postData = JSON.stringify(wish(route.request().postDataJSON()));
    const response = await route.fetch({ postData });
    await route.fulfill({ response, json: answer(await response.json()) });
  });
}

module.exports = { absent, change, item, live, press, recorded, says };
