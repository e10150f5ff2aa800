// The chat page with a tuned model and its base.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, problems, serve, views, visit } from "./browser.mjs";

let browser, server;
before(async () => { [browser, server] = await Promise.all([open(), serve("--adapter_name_or_path", process.env.RUN)]); });
after(async () => { await browser?.close(); await server?.stop(); });

const say = async (page, text) => {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
  await done(page);
};
const done = page => page.waitForFunction(() => document.querySelector("#send").textContent === "Send" &&
  !document.querySelector(".waiting"));
const ready = page => page.waitForFunction(() => document.querySelector("#model").options.length > 1);

for (const view of views) {
  test(`a conversation at ${view.width} px, ${view.scheme}`, async () => {
    assert.deepEqual(await visit(browser, server.url, view, "chat", async page => {
      await ready(page);
      assert.deepEqual(await problems(page), [], "before the first question");
      await page.selectOption("#other", "base");
      await say(page, "Where does Lena live?");
      assert.equal(await page.locator(".answer").count(), 2, "the tuned model and its base");
      assert.match(await page.locator(".answer .meta").first().textContent(), /\d+ tokens · [\d,.]+ tokens\/s · seed \d+/);
      await page.selectOption("#other", "");
      await say(page, "What is the opposite of big?");
      assert.match(await page.locator(".turn").nth(1).locator(".body").textContent(), /\w/);

      await page.locator(".turn").nth(1).getByRole("button", { name: "Answer again" }).click();
      await done(page);
      assert.equal(await page.evaluate(() => document.activeElement.id), "talk", "the focus stays near");
      assert.match(await page.locator(".turn").nth(1).textContent(), /2 of 2/);
      await page.getByRole("button", { name: "Answer before" }).click();
      assert.match(await page.locator(".turn").nth(1).textContent(), /1 of 2/);

      await page.reload();
      await ready(page);
      assert.equal(await page.locator(".turn").count(), 2, "the browser keeps the conversation");
      assert.match(await page.locator(".turn").nth(1).textContent(), /1 of 2/);

      await page.locator(".turn").first().getByRole("button", { name: "Edit message" }).click();
      await page.getByRole("textbox", { name: "Edited message" }).fill("Where does Edgar live?");
      await page.getByRole("textbox", { name: "Edited message" }).press("Enter");
      await done(page);
      assert.equal(await page.locator(".turn").count(), 1);
      await page.locator("#notice").getByRole("button", { name: "Undo" }).click();
      assert.equal(await page.locator(".turn").count(), 2);
    }), []);
  });

  test(`the settings at ${view.width} px, ${view.scheme}`, async () => {
    assert.deepEqual(await visit(browser, server.url, view, "settings", async page => {
      await ready(page);
      await page.click("#tune");
      await page.getByLabel("Temperature").fill("9");
      assert.match(await page.locator("#set-temperature-hint").textContent(), /want 0 to 2/);
      assert.deepEqual(await problems(page), [], "with a wrong setting");
      await page.getByRole("button", { name: "Done" }).click();
      await page.fill("#text", "Hello");
      await page.press("#text", "Enter");
      assert.equal(await page.locator(".turn").count(), 0, "nothing is sent with a wrong setting");
      assert.match(await page.locator("#notice").textContent(), /Temperature: want 0 to 2/);
      await page.getByLabel("Temperature").fill("0.7");
      await page.getByLabel("Longest answer").fill("3");
      await page.getByLabel("Seed").fill("17");
      let sent;
      page.on("request", r => { if (r.method() === "POST") sent = r.postDataJSON(); });
      await page.keyboard.press("Escape");
      await say(page, "Where does Lena live?");
      assert.deepEqual([sent.temperature, sent.max_tokens, sent.seed], [0.7, 3, 17]);
      assert.match(await page.locator(".meta").textContent(), /seed 17 · cut at the longest answer/);
      assert.equal(await page.locator("#tune").textContent(), "Settings (3)");
      await page.click("#tune");
      await page.getByRole("button", { name: "Reset" }).click();
      assert.equal(await page.getByLabel("Seed").inputValue(), "");
      assert.equal(await page.locator("#tune").textContent(), "Settings");
    }), []);
  });
}

test("without a seed every answer is sampled anew", async () => {
  assert.deepEqual(await visit(browser, server.url, views[0], "seeds", async page => {
    await ready(page);
    const seeds = new Set();
    for (let i = 0; i < 3; i++) {
      await page.click("#new");
      await say(page, "Where does Lena live?");
      seeds.add((await page.locator(".meta").textContent()).match(/seed (\d+)/)[1]);
    }
    assert.equal(seeds.size, 3);
  }), []);
});

test("conversations are listed, deleted and brought back", async () => {
  assert.deepEqual(await visit(browser, server.url, views[2], "list", async page => {
    await ready(page);
    await say(page, "Where does Lena live?");
    await page.click("#open");
    await page.click("#new");
    await say(page, "Where does Edgar live?");
    await page.click("#open");
    assert.deepEqual(await page.locator("#list .title").allTextContents(), ["Where does Edgar live?", "Where does Lena live?"]);
    assert.deepEqual(await problems(page), []);
    await page.getByRole("button", { name: "Delete Where does Edgar live?" }).click();
    assert.deepEqual(await page.locator("#list .title").allTextContents(), ["Where does Lena live?"]);
    await page.locator("#notice").getByRole("button", { name: "Undo" }).click();
    await page.click("#open");
    await page.getByRole("button", { name: "Where does Lena live?", exact: true }).click();
    assert.equal(await page.locator(".question .text").textContent(), "Where does Lena live?");
  }), []);
});
