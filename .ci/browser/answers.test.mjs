// The chat page with answers that a test writes in place of a model.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, serve, views, visit } from "./browser.mjs";

let browser, server;
before(async () => { [browser, server] = await Promise.all([open(), serve("--model_name_or_path", "fettle-tiny", "--recipe", "vicuna")]); });
after(async () => { await browser?.close(); await server?.stop(); });

const event = (delta, more = {}) => `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }], seed: 1, ...more })}\n\n`;
const answers = (page, text) => page.route("**/v1/chat/completions", route => route.fulfill({
  contentType: "text/event-stream",
  body: [...text.matchAll(/[^]{1,7}/g)].map(m => event({ content: m[0] })).join("") + "data: [DONE]\n\n",
}));
const say = async (page, text = "?") => {
  await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
  await page.fill("#text", text);
  await page.press("#text", "Enter");
  await page.waitForFunction(() => document.querySelector("#send").textContent === "Send" && !document.querySelector(".waiting"));
};

const rich = `# A title
Some *emphasis*, **strong words**, ~~gone~~, \`code <b>\` and a [link](https://example.org/a_b "title").
The second line stays a line.

1. one
   - nested \`x\`
   - nested too
2. two

> quoted
> on

| name | n |
|:-----|--:|
| a\\|b | 1 |

\`\`\`python
def f(x):
    return "<i>" + x  # ${"long ".repeat(40)}
\`\`\`
snake_case_name 2 * 3 * 4 https://example.org/x).
---
${"Donaudampfschifffahrt".repeat(12)}`;

for (const view of views) {
  test(`Markdown at ${view.width} px, ${view.scheme}`, async () => {
    assert.deepEqual(await visit(browser, server.url, view, "markdown", async page => {
      await answers(page, rich);
      await say(page);
      const html = await page.locator(".body").evaluate(body => {
        const clean = body.cloneNode(true);
        for (const e of clean.querySelectorAll("button")) e.remove();
        for (const e of clean.querySelectorAll("*")) for (const a of [...e.attributes]) if (!["href", "start"].includes(a.name)) e.removeAttribute(a.name);
        return clean.innerHTML;
      });
      assert.equal(html, "<h1>A title</h1>" +
        "<p>Some <em>emphasis</em>, <strong>strong words</strong>, <s>gone</s>, <code>code &lt;b&gt;</code> and a " +
        '<a href="https://example.org/a_b">link</a>.\nThe second line stays a line.</p>' +
        '<ol start="1"><li><p>one</p><ul><li><p>nested <code>x</code></p></li><li><p>nested too</p></li></ul></li><li><p>two</p></li></ol>' +
        "<blockquote><p>quoted\non</p></blockquote>" +
        "<div><table><thead><tr><th>name</th><th>n</th></tr></thead><tbody><tr><td>a|b</td><td>1</td></tr></tbody></table></div>" +
        `<div><div><span>python</span></div><pre><code>def f(x):\n    return "&lt;i&gt;" + x  # ${"long ".repeat(40)}</code></pre></div>` +
        '<p>snake_case_name 2 * 3 * 4 <a href="https://example.org/x">https://example.org/x</a>).</p>' +
        `<hr><p>${"Donaudampfschifffahrt".repeat(12)}</p>`);
      await Promise.all([page.locator(".block .copy", { hasText: /Copied|Not copied/ }).waitFor(),
        page.locator(".block .copy").click()]);
    }), []);
  });
}

test("what a model writes is never markup, a script or a load", async () => {
  const hostile = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "[a](javascript:alert(1))", "[b](data:text/html,x)",
    "![c](https://example.org/pixel.png)", "<javascript:alert(1)>", "[d](  JaVaScRiPt:alert(1))", "[e](vbscript:x)", "[f](//example.org)",
    "[`g`](https://example.org/\"onmouseover=alert(1))", "<svg onload=alert(1)>", "```html\n<iframe src=https://example.org>\n```",
    "<a href=\"javascript:alert(1)\">h</a>", "| <b onclick=alert(1)> |\n|---|\n| <style>*{display:none}</style> |"].join("\n\n");
  assert.deepEqual(await visit(browser, server.url, views[0], "hostile", async page => {
    page.on("dialog", () => assert.fail("a script ran"));
    await answers(page, hostile);
    await say(page, hostile);
    const made = await page.locator(".body").evaluate(body => [...new Set([...body.querySelectorAll("*")].map(e => e.localName))].sort());
    assert.deepEqual(made.filter(n => ["img", "script", "svg", "iframe", "style", "b", "object"].includes(n)), []);
    const links = await page.locator(".body a").evaluateAll(all => all.map(a => [a.protocol, a.target, a.rel]));
    assert.ok(links.length >= 2);
    for (const link of links) assert.deepEqual(link, ["https:", "_blank", "noopener noreferrer nofollow"]);
    const handlers = await page.locator(".body").evaluate(body => [...body.querySelectorAll("*")].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith("on")));
    assert.deepEqual(handlers, []);
    assert.ok((await page.locator(".question .text").textContent()).includes("<script>alert(1)</script>"));
  }), []);
});

test("text that is hard to read as Markdown is shown at once", async () => {
  const hard = ["*".repeat(20000), "[".repeat(20000), "> ".repeat(3000), "`" + "``".repeat(9999), "**a".repeat(5000), "_".repeat(20000),
    "|".repeat(5000) + "\n" + "|-".repeat(3000), "- ".repeat(2000), "![](".repeat(4000), "~~~\n", "<https://".repeat(3000)];
  assert.deepEqual(await visit(browser, server.url, views[0], "hard", async page => {
    for (const text of hard) {
      await page.evaluate(async text => {
        const { render } = await import("/markdown.js"), box = document.createElement("div");
        const began = performance.now();
        render(box, text);
        const took = performance.now() - began;
        if (took > 20000) throw new Error(`${text.slice(0, 8)}…: ${took} ms`);
      }, text);
    }
  }), []);
});

test("a growing answer keeps the elements that it has", async () => {
  assert.deepEqual(await visit(browser, server.url, views[0], "growing", async page => {
    assert.ok(await page.evaluate(async () => {
      const { render } = await import("/markdown.js"), box = document.createElement("div");
      render(box, "one\n\ntwo");
      const [one, two] = box.children;
      render(box, "one\n\ntwo three\n\n- four");
      return box.children[0] === one && box.children[1] !== two && box.children.length === 3 &&
        (render(box, "one"), box.children.length === 1 && box.firstChild === one);
    }));
  }), []);
});

test("an error is shown once, is no part of the history, and goes", async () => {
  assert.deepEqual(await visit(browser, server.url, views[3], "failure", async page => {
    let fail = true;
    const sent = [];
    await page.route("**/v1/chat/completions", route => {
      sent.push(route.request().postDataJSON().messages.map(m => m.content));
      if (fail) return route.abort("connectionrefused");
      return route.fulfill({ contentType: "text/event-stream", body: event({ content: "fine" }) + "data: [DONE]\n\n" });
    });
    await say(page, "first");
    assert.match(await page.getByRole("alert").filter({ hasText: /\w/ }).textContent(), /The server does not answer\. Is fettle serve still running\?/);
    await say(page, "second");
    fail = false;
    await page.locator(".turn").nth(1).getByRole("button", { name: "Answer again" }).click();
    await page.locator(".body").getByText("fine").waitFor();
    await say(page, "third");
    assert.deepEqual(sent.at(-1), ["second", "fine", "third"]);
    await page.locator(".turn").first().getByRole("button", { name: "Answer again" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".failure").length === 0 && !document.querySelector(".waiting"));
    await say(page, "fourth");
    assert.deepEqual(sent.at(-1), ["first", "fine", "second", "fine", "third", "fine", "fourth"]);
  }, /ERR_CONNECTION_REFUSED/), []);
});

test("an answer that breaks off is said to, and can be stopped", async () => {
  assert.deepEqual(await visit(browser, server.url, views[0], "stopped", async page => {
    await page.route("**/v1/chat/completions", route => route.fulfill({ contentType: "text/event-stream", body: event({ content: "half" }) }));
    await say(page);
    assert.match(await page.locator(".failure").textContent(), /The connection ended before the answer did/);
    assert.match(await page.locator(".body").textContent(), /half/);
    await page.unroute("**/v1/chat/completions");
    await page.route("**/v1/chat/completions", () => {}); // never answered
    await page.fill("#text", "more");
    await page.press("#text", "Enter");
    await page.locator(".waiting").waitFor();
    assert.equal(await page.locator("#send").textContent(), "Stop");
    await page.keyboard.press("Escape");
    await page.locator(".turn").nth(1).getByText("stopped", { exact: true }).waitFor();
    assert.equal(await page.locator("#send").textContent(), "Send");
  }), []);
});

test("a server with a key asks for it until it is right", async () => {
  process.env.FETTLE_API_KEY = "right";
  const locked = await serve("--model_name_or_path", "fettle-tiny");
  delete process.env.FETTLE_API_KEY;
  try {
    assert.deepEqual(await visit(browser, locked.url, views[2], "locked", async page => {
      await page.locator("#key").fill("wrong");
      await page.locator("#key").press("Enter");
      await page.getByText("did not accept the key").waitFor();
      await page.locator("#key").fill("right");
      await page.getByRole("button", { name: "Unlock" }).click();
      await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
      assert.match(await page.locator("#about").textContent(), /continues your text/);
      await page.reload();
      await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
      await say(page, "After Monday comes");
      assert.match(await page.locator(".body").textContent(), /\w/);
    }, /401/), []);
  } finally {
    await locked.stop();
  }
});
