// The report of a run, the page of inspect, runs side by side, and the dashboard of a run that goes on.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { open, views, visit } from "./browser.mjs";

let browser, dir;
const unlike = join(tmpdir(), `a run with a longer name than most, 名前 ${process.pid}`);
before(async () => {
  [browser, dir] = [await open(), mkdtempSync(join(tmpdir(), "fettle-report-"))];
  execFileSync(process.env.FETTLE, ["inspect", "--model_name_or_path", "fettle-tiny", "--dataset",
    join(process.env.RUN, "instructions.json"), "--recipe", "gpt4all", "--html", join(dir, "inspect.html")]);
  execFileSync(process.env.FETTLE, ["train", "--output_dir", unlike, "--max_steps", "30", "--learning_rate", "1e-3"]);
  execFileSync(process.env.FETTLE, ["runs", "compare", process.env.RUN, unlike, "--html", join(dir, "compare.html")]);
});
after(async () => {
  await browser?.close();
  for (const made of [dir, unlike]) rmSync(made, { recursive: true, force: true });
});

const file = (...path) => pathToFileURL(join(...path)).href;
const unfold = page => page.evaluate(() => document.querySelectorAll("details").forEach(d => { d.open = true; }));

// values points at the middle of a chart, then goes on with the arrow keys.
const values = async (page, chart) => {
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const pointed = await page.locator(".tip").textContent();
  await chart.focus();
  await page.keyboard.press("End");
  const last = await page.locator(".tip").first().textContent();
  const tip = await page.locator(".tip").first().boundingBox();
  assert.ok(tip.x >= 0 && tip.x + tip.width <= page.viewportSize().width, "the values are in view");
  await page.keyboard.press("Escape");
  return [pointed, last];
};

for (const view of views) {
  test(`a report at ${view.width} px, ${view.scheme}`, async () => {
    assert.deepEqual(await visit(browser, file(process.env.RUN, "report.html"), view, "report", async page => {
      await unfold(page);
      assert.match(await page.locator(".state").textContent(), /finished: (\d+) of \1 steps/);
      assert.match(await page.locator("#exam").textContent(), /before.*0 right.*after.*\d+ right/s);
      const [pointed, last] = await values(page, page.locator("svg.chart").first());
      assert.match(pointed, /^step \d+\nloss of a step \d+\.\d{4}\nmean of \d+ steps \d+\.\d{4}$/);
      assert.match(last, /^step \d+\n/);
      assert.match(await page.locator("#settings").textContent(), /lora_rank: 8/);
      assert.doesNotMatch(await page.locator("#settings").textContent(), /adapter_len/);
    }), []);
  });

  test(`data at ${view.width} px, ${view.scheme}`, async () => {
    assert.deepEqual(await visit(browser, file(dir, "inspect.html"), view, "inspect", async page => {
      const [pointed] = await values(page, page.locator("svg.chart").first());
      assert.match(pointed, /^\d+( to \d+)? tokens: [\d,]+$/);
    }), []);
  });
}

for (const view of views) {
  test(`runs side by side at ${view.width} px, ${view.scheme}`, async () => {
    assert.deepEqual(await visit(browser, file(dir, "compare.html"), view, "compare", async page => {
      assert.match(await page.locator("#results").textContent(), /state\s*finished\s*finished/);
      assert.match(await page.locator("#differences").textContent(), /learning_rate\s*0.002\s*0.001/);
      assert.match(await page.locator("#same").textContent(), /base, tokenizer, training data/);
      const [pointed, last] = await values(page, page.locator("#loss svg.chart"));
      assert.match(pointed, /^step \d+\npage-run \d+\.\d{4}/);
      assert.match(last, /^step \d+\npage-run \d+\.\d{4}$/);
      await page.locator("#loss svg.chart").focus();
      for (const key of ["Home", "ArrowRight"]) await page.keyboard.press(key);
      assert.match(await page.locator("#loss .tip").textContent(), /^step 2\npage-run .*\na run with .* \d+\.\d{4}$/);
    }), []);
  });
}

test("a dashboard follows its run, saves and stops it", async () => {
  const run = join(dir, "run");
  const child = spawn(process.env.FETTLE, ["train", "--output_dir", run, "--num_train_epochs", "300", "--dashboard", "0",
    "--sample_prompts", "Where does Lena live?", "--sample_steps", "20"], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise(done => child.on("exit", done));
  let said = "";
  const url = await new Promise((found, failed) => {
    child.stderr.on("data", text => { said += text; });
    child.stdout.on("data", text => {
      said += text;
      const m = said.match(/Dashboard: (http:\S+)/);
      if (m) found(m[1]);
    });
    ended.then(code => failed(new Error(`train ended with ${code}: ${said}`)));
  });
  const saved = () => readdirSync(run).filter(name => name.startsWith("checkpoint-")).length;
  for (const view of views.toReversed()) {
    assert.deepEqual(await visit(browser, url, view, "dashboard", async page => {
      const step = () => page.locator(".state").textContent().then(text => Number(text.match(/: ([\d,]+) of/)?.[1]
        .replace(",", "") ?? 0));
      await page.waitForFunction(() => /: [1-9][\d,]* of/.test(document.querySelector(".state").textContent));
      const before = await step();
      await page.locator("#samples details, #samples .answer").first().waitFor();
      await page.waitForFunction(before => Number(document.querySelector(".state").textContent.match(/: ([\d,]+) of/)?.[1]
        .replace(",", "")) > before, before); // it goes on
      if (view !== views[0]) return;
      await page.getByRole("button", { name: "Save a checkpoint now" }).click();
      for (let i = 0; i < 300 && !saved(); i++) await page.waitForTimeout(100);
      assert.equal(saved(), 1);
      await page.getByRole("button", { name: "Stop and save" }).click();
      await page.getByRole("button", { name: "Really stop?" }).click();
      await page.waitForFunction(() => /^stopped/.test(document.querySelector(".state").textContent));
      await page.waitForFunction(() => /has ended/.test(document.querySelector("#said").textContent));
    }, /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/), []);
  }
  assert.equal(await ended, 75, said);
  assert.equal(saved(), 2);
});
