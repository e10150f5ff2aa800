// Markdown to elements. Everything that a model wrote becomes text nodes; only the elements below are made, links lead
// to the web or to mail and say so, pictures are links, HTML is text. Nothing is loaded.
import { inline } from "./inline.js";

const fence = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/, heading = /^ {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$/;
const rule = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/, quote = /^ {0,3}> ?/;
const item = /^( *)([-*+]|\d{1,9}[.)])( +|$)/, divider = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const deepest = 8; // of quotes and lists in each other

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const indent = line => line.length - line.trimStart().length;
const isTable = (line, next) => line.includes("|") && next !== undefined && next.includes("|") && divider.test(next);
const begins = (line, next) => fence.test(line) || heading.test(line) || rule.test(line) || quote.test(line) ||
  item.test(line) || isTable(line, next);

// blocks splits lines into blocks: { end, make }, the line behind the block and a function that makes its element.
function* blocks(lines, depth) {
  for (let i = 0; i < lines.length;) {
    if (lines[i].trim() === "") { i++; continue; }
    const block = depth < deepest ? special(lines, i, depth) ?? paragraph(lines, i) : paragraph(lines, i);
    yield { source: lines.slice(i, block.end).join("\n"), make: block.make };
    i = block.end;
  }
}

function special(lines, i, depth) {
  const line = lines[i];
  const opened = line.match(fence);
  if (opened) return code(lines, i, opened);
  const head = line.match(heading);
  if (head) return { end: i + 1, make: () => element("h" + head[1].length, "", ...inline(head[2])) };
  if (rule.test(line)) return { end: i + 1, make: () => element("hr") };
  if (quote.test(line)) {
    let end = i;
    while (end < lines.length && quote.test(lines[end])) end++;
    const within = lines.slice(i, end).map(l => l.replace(quote, ""));
    return { end, make: () => element("blockquote", "", ...all(within, depth + 1)) };
  }
  if (item.test(line)) return list(lines, i, depth);
  if (isTable(line, lines[i + 1])) return table(lines, i);
  return null;
}

function paragraph(lines, i) {
  let end = i + 1;
  while (end < lines.length && lines[end].trim() !== "" && !begins(lines[end], lines[end + 1])) end++;
  return { end, make: () => element("p", "", ...inline(lines.slice(i, end).join("\n"))) };
}

function code(lines, i, [, mark, info]) {
  const margin = indent(lines[i]), closing = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}\\s*$`);
  let end = i + 1;
  while (end < lines.length && !closing.test(lines[end])) end++;
  const text = lines.slice(i + 1, end).map(l => l.slice(Math.min(indent(l), margin))).join("\n");
  return {
    end: Math.min(end + 1, lines.length),
    make() {
      const copy = element("button", "copy", "Copy");
      copy.type = "button";
      const pre = element("pre", "", element("code", "", text));
      pre.tabIndex = 0; // to scroll with keys
      pre.setAttribute("aria-label", "Code");
      pre.setAttribute("role", "region");
      return element("div", "block", element("div", "", element("span", "", info.trim() || "code"), copy), pre);
    },
  };
}

// list reads items of one kind. Lines that are indented as far as an item's text belong to it; so do deeper items, and
// lines right behind it that begin nothing else.
function list(lines, i, depth) {
  const first = lines[i].match(item), ordered = /\d/.test(first[2]), base = first[1].length;
  const items = [];
  let blank = false;
  for (; i < lines.length; i++) {
    const line = lines[i], at = indent(line), found = line.match(item);
    if (line.trim() === "") { blank = true; items.at(-1)?.lines.push(""); continue; }
    const last = items.at(-1);
    const deeper = last && (at >= last.text || found && at >= base + 2);
    if (deeper) {
      last.lines.push(line.slice(Math.min(at, last.text)));
    } else if (found && !rule.test(line) && /\d/.test(found[2]) === ordered && at < base + 2) {
      items.push({ text: found[0].length, lines: [line.slice(found[0].length)] });
    } else if (last && !blank && !begins(line, lines[i + 1])) {
      last.lines.push(line.trimStart());
    } else {
      break;
    }
    blank = false;
  }
  return {
    end: i,
    make() {
      const made = element(ordered ? "ol" : "ul", "", ...items.map(it => element("li", "", ...all(it.lines, depth + 1))));
      if (ordered) made.start = parseInt(first[2], 10);
      return made;
    },
  };
}

const cells = line => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map(c => c.trim().replaceAll("\\|", "|"));

function table(lines, i) {
  const sides = cells(lines[i + 1]).map(c => c.endsWith(":") ? c.startsWith(":") ? "middle" : "right" : "");
  const row = (line, kind) => element("tr", "", ...cells(line).slice(0, 100).map((c, n) => element(kind, sides[n] ?? "", ...inline(c))));
  let end = i + 2;
  while (end < lines.length && lines[end].includes("|") && lines[end].trim() !== "") end++;
  return {
    end,
    make: () => element("div", "scroll", element("table", "", element("thead", "", row(lines[i], "th")),
      element("tbody", "", ...lines.slice(i + 2, end).map(l => row(l, "td"))))),
  };
}

const all = (lines, depth) => Array.from(blocks(lines, depth), b => b.make());

// render shows a text within a box. Blocks that the box has already stay as they are, so that a growing answer keeps
// what is selected in it.
export function render(box, text) {
  let n = 0;
  for (const block of blocks(text.replaceAll("\t", "    ").split(/\r?\n/), 0)) {
    const there = box.children[n++];
    if (there?.source === block.source) continue;
    const made = block.make();
    made.source = block.source;
    there ? there.replaceWith(made) : box.append(made);
  }
  while (box.children.length > n) box.lastChild.remove();
}
