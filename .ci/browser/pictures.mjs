// Takes the pictures of docs/pictures: the chat page with a tuned model beside its base, and the report of a run.
import { open, serve } from "./browser.mjs";

const [run, to] = [process.env.RUN, process.env.PICTURES];
const [browser, server] = await Promise.all([open(), serve("--adapter_name_or_path", run)]);
try {
  const page = await browser.newPage({ viewport: { width: 1000, height: 800 }, colorScheme: "light", locale: "en-US" });
  page.setDefaultTimeout(15000);
  await page.goto(server.url);
  await page.waitForFunction(() => document.querySelector("#model").options.length > 1);
  await page.selectOption("#other", "base");
  for (const text of ["What is nine plus five?", "Where does Lena live?"]) {
    await page.fill("#text", text);
    await page.press("#text", "Enter");
    await page.waitForFunction(() => document.querySelector("#send").textContent === "Send" &&
      !document.querySelector(".waiting"));
  }
  await page.evaluate(() => document.activeElement.blur());
  await page.screenshot({ path: `${to}/chat.png` });
  await page.goto(`file://${run}/report.html`);
  await page.setViewportSize({ width: 1000, height: 870 });
  await page.screenshot({ path: `${to}/run.png` });
} finally {
  await browser.close();
  await server.stop();
}
