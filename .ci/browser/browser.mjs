// A browser for tests of pages, and what every page must keep.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT);

export const views = [];
for (const width of [1200, 360]) for (const scheme of ["light", "dark"]) views.push({ width, scheme });

// open starts a browser.
export const open = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"] });

// visit opens an address in a fresh profile, lets act use the page, and returns what was wrong: errors of the console,
// requests that failed or went elsewhere, and the problems of the page as act leaves it. expected is a pattern of
// console errors that belong to the test.
export async function visit(browser, address, view, name, act = async () => {}, expected = /^$/) {
  const context = await browser.newContext({
    viewport: { width: view.width, height: view.width < 600 ? 740 : 800 }, colorScheme: view.scheme, locale: "en-US",
    permissions: [],
  });
  const wrong = [], page = await context.newPage();
  page.setDefaultTimeout(30000);
  page.on("console", m => {
    if (["error", "warning"].includes(m.type()) && !expected.test(m.text())) wrong.push(`console: ${m.text()}`);
  });
  page.on("pageerror", e => wrong.push(`error: ${e.stack}`));
  page.on("request", r => {
    const at = r.url();
    if (!/^(data|blob):/.test(at) && new URL(at).origin !== new URL(address).origin) wrong.push(`loads ${at}`);
  });
  try {
    await page.goto(address);
    await act(page, context);
    await page.screenshot({ path: `${process.env.SHOTS}/${name}-${view.width}-${view.scheme}.png` });
    wrong.push(...await problems(page));
  } finally {
    await context.close();
  }
  return wrong;
}

// problems lists what is wrong with a page as it stands.
export const problems = page => page.evaluate(() => {
  const wrong = [], describe = e => `<${e.tagName.toLowerCase()}${e.id && " id=" + e.id}${e.getAttribute("class") ?
    " class=" + e.getAttribute("class") : ""}> “${e.textContent.trim().slice(0, 40)}”`;
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > innerWidth + .5);
    wrong.push(`overflow: ${document.documentElement.scrollWidth} of ${innerWidth} px: ${wide.slice(0, 3).map(describe)}`);
  }
  if (!document.title) wrong.push("no title");
  if (!document.documentElement.lang) wrong.push("no language");

  // Contrast of text, as WCAG 2.2 defines it.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = colour => { // of any CSS colour
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (front, back) => [0, 1, 2].map(i => front[i] * front[3] + back[i] * (1 - front[3])).concat(1);
  const luminance = c => [.2126, .7152, .0722].reduce((sum, weight, i) => {
    const x = c[i] / 255;
    return sum + weight * (x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
  }, 0);
  const behind = e => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reverse().reduce((back, front) => over(front, back), rgba(getComputedStyle(document.documentElement)
      .colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#ffffff"));
  };
  const shown = e => e.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) &&
    !e.closest(".unseen, :disabled, [aria-disabled=true]");
  const found = new Map(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const judge = (e, colour, text) => {
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const least = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
    const back = behind(e), front = over(rgba(colour), back), a = luminance(front), b = luminance(back);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least) found.set(describe(e), `contrast ${ratio.toFixed(2)}, want ${least}: ${text.slice(0, 40)}, ${describe(e)}`);
  };
  for (let node; node = walker.nextNode();) {
    const e = node.parentElement, text = node.data.trim();
    if (!text || !shown(e) || e.closest("script, style, noscript, option, title")) continue;
    judge(e, e.closest("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color, text);
  }
  for (const e of document.querySelectorAll("input, select, textarea")) {
    if (!shown(e)) continue;
    judge(e, getComputedStyle(e).color, e.value ?? "");
    if (e.placeholder) judge(e, getComputedStyle(e, "::placeholder").color, e.placeholder);
  }
  wrong.push(...found.values());

  // Names for those who hear the page.
  for (const e of document.querySelectorAll("button, input, select, textarea, a[href], svg[role=img], dialog, nav")) {
    if (!e.checkVisibility()) continue;
    const label = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent ||
      document.getElementById(e.getAttribute("aria-labelledby"))?.textContent;
    if (!label?.trim()) wrong.push(`no name: ${describe(e)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(`two elements have id ${id}`);
  for (const svg of document.querySelectorAll("svg text")) {
    const height = svg.getBoundingClientRect().height;
    if (shown(svg) && svg.textContent.trim() && height < 9) wrong.push(`text of ${height.toFixed(1)} px: ${describe(svg)}`);
  }
  return wrong;
});

// serve runs fettle serve on a free port until stop is called.
export async function serve(...args) {
  const child = spawn(process.env.FETTLE, ["serve", "--port", "0", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const url = await new Promise((found, failed) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", text => {
        said += text;
        const m = said.match(/Chat at (http:\/\/\S+?)\/[,\s]/);
        if (m) found(m[1]);
      });
    }
    child.on("exit", code => failed(new Error(`serve ended with ${code}: ${said}`)));
  });
  return {
    url: url + "/",
    stop: () => new Promise(done => {
      if (child.exitCode !== null) return done();
      child.on("exit", done);
      child.kill("SIGINT");
    }),
  };
}
