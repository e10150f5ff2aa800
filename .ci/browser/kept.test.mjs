// What the browser keeps: two pages at once, a store that is full or forbidden or holds what it should not; and a server
// that was started again with another model.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, serve, views, visit } from "./browser.mjs";

let browser, server;
before(async () => { [browser, server] = await Promise.all([open(), serve("--model_name_or_path", "fettle-tiny", "--recipe", "vicuna")]); });
after(async () => { await browser?.close(); await server?.stop(); });

const answered = "data: " + JSON.stringify({ choices: [{ index: 0, delta: { content: "fine" }, finish_reason: null }], seed: 1 }) +
  "\n\ndata: [DONE]\n\n";
const answers = context => context.route("**/v1/chat/completions", route => route.fulfill({ contentType: "text/event-stream", body: answered }));
const ready = page => page.waitForFunction(() => document.querySelector("#model").options.length > 0);
const done = page => page.waitForFunction(() => document.querySelector("#send").textContent === "Send" &&
  !document.querySelector(".waiting"));
const say = async (page, text) => {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
  await done(page);
};
const titles = page => page.locator("#list .title").allTextContents();
const kept = page => page.evaluate(() => Object.keys(localStorage).filter(k => k.startsWith("fettle.chat."))
  .map(k => JSON.parse(localStorage[k]).turns.map(t => t.question).join(" ")).sort());
const turns = (page, n) => page.waitForFunction(n => document.querySelectorAll(".turn").length === n, n);

test("two pages of one conversation lose none of its turns", async () => {
  assert.deepEqual(await visit(browser, server.url, views[0], "two", async (page, context) => {
    await answers(context);
    await ready(page);
    await say(page, "one");
    const other = await context.newPage();
    await other.goto(page.url());
    await ready(other);
    await turns(other, 1);
    await say(other, "two");
    await turns(page, 2);
    await say(page, "three");
    assert.deepEqual(await kept(page), ["one two three"]);

    await page.getByRole("button", { name: "Edit message" }).first().click(); // at work: what is typed stays
    await say(other, "four");
    await page.getByRole("textbox", { name: "Edited message" }).fill("new");
    await page.getByRole("textbox", { name: "Edited message" }).press("Enter");
    await done(page);
    assert.deepEqual(await kept(page), ["new", "one two three four"]);
    assert.deepEqual(await titles(page), ["new", "one"]);
  }), []);
});

test("a full store shows what it has, and takes more once there is room", async () => {
  assert.deepEqual(await visit(browser, server.url, views[0], "full", async (page, context) => {
    await answers(context);
    await ready(page);
    await say(page, "kept");
    await page.evaluate(() => {
      const text = "x".repeat(1 << 20);
      for (let n = text.length, i = 0; n >= 1; n >>= 1) {
        try { for (;;) localStorage.setItem("other." + i++, text.slice(0, n)); } catch { /* no room for so many */ }
      }
    });
    await page.reload();
    await ready(page);
    assert.deepEqual(await titles(page), ["kept"]);
    await page.click("#new");
    await say(page, "too much");
    assert.match(await page.locator("#notice").textContent(), /store is full: delete conversations/);
    await page.click("#new");
    assert.deepEqual(await titles(page), ["too much", "kept"]);
    await page.getByRole("button", { name: "too much", exact: true }).click();
    await turns(page, 1);
    await page.evaluate(() => localStorage.removeItem("other.0"));
    await say(page, "again");
    assert.deepEqual(await kept(page), ["kept", "too much again"]);
  }), []);
});

test("without a store conversations last until the page is closed", async () => {
  assert.deepEqual(await visit(browser, server.url, views[2], "forbidden", async (page, context) => {
    await context.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, { get() { throw new DOMException("forbidden", "SecurityError"); } });
      }
    });
    await answers(context);
    await page.reload();
    await page.getByText("This browser keeps nothing").waitFor();
    await say(page, "Hello");
    assert.deepEqual(await titles(page), ["Hello"]);
  }), []);
});

test("conversations that make no sense are left out", async () => {
  assert.deepEqual(await visit(browser, server.url, views[0], "spoilt", async page => {
    await ready(page);
    await page.evaluate(() => {
      const of = (id, side) => JSON.stringify({ id, turns: [{ question: id, sides: [side] }] });
      const all = { a: "[1, 2", b: "null", c: of("c", null), d: of("d", { model: "m", shown: 9, versions: [{ text: "" }] }),
        e: of("e", { model: "m", shown: 0, versions: [null] }), f: of("f", { model: "m", shown: 0, versions: [{ text: 5 }] }),
        good: of("good", { model: "m", shown: 0, versions: [{ text: "x" }] }) };
      for (const [id, text] of Object.entries(all)) localStorage["fettle.chat." + id] = text;
      localStorage["fettle.settings"] = "[1,";
    });
    await page.reload();
    await ready(page);
    assert.deepEqual(await titles(page), ["good"]);
    await page.getByRole("button", { name: "good", exact: true }).click();
    await turns(page, 1);
  }), []);
});

test("a page goes on when its server was started again with another model", async () => {
  assert.deepEqual(await visit(browser, server.url, views[0], "restarted", async (page, context) => {
    await ready(page);
    let sent;
    await context.route("**/v1/models", async route => {
      const response = await route.fetch(), list = await response.json();
      list.data = list.data.map(card => ({ ...card, id: "new" }));
      await route.fulfill({ json: list });
    });
    await context.route("**/v1/chat/completions", async route => {
      sent = route.request().postDataJSON().model;
      if (sent !== "new") return route.fulfill({ status: 404, json: { error: { message: `no model "${sent}"` } } });
      return route.fulfill({ contentType: "text/event-stream", body: answered });
    });
    await say(page, "Hello");
    await page.getByText(/is not served here any more; new answers now/).waitFor();
    await say(page, "Hello again");
    assert.equal(sent, "new");
    assert.match(await page.locator(".turn").nth(1).textContent(), /fine/);
  }, /404/), []);
});
