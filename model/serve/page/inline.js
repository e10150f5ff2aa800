// The Markdown within a paragraph, as text nodes and elements.

const marks = { "**": "strong", "__": "strong", "~~": "s", "*": "em", "_": "em" };
const furthest = 4000; // characters between a mark and its end
const safe = /^(?:https?:\/\/|mailto:)[^\s]+$/i, bare = /^https?:\/\/[^\s<>"'`]+/;
const letter = /[\p{L}\p{N}]/u;

function link(address, children) {
  const made = document.createElement("a");
  made.href = made.title = address;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  made.append(...children);
  return made;
}

// closing returns where the mark ends that opens before from, or -1.
function closing(text, mark, from) {
  for (let at = from; ; at += mark.length) {
    at = text.indexOf(mark, at);
    if (at < 0 || at - from > furthest) return -1;
    if (at === from || /\s/.test(text[at - 1])) continue; // nothing within, or a space before the end
    if (mark.length === 1 && (text[at + 1] === mark || text[at - 1] === mark)) { at++; continue; }
    if (mark[0] === "_" && letter.test(text[at + mark.length] ?? "")) continue; // in the middle of a word
    return at;
  }
}

// bracketed reads [text](address "title") at i: its text, its address and where it ends.
function bracketed(text, i) {
  let depth = 0, end = i;
  for (; end < text.length && end - i < furthest; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === "[") depth++;
    else if (text[end] === "]" && --depth === 0) break;
  }
  if (text[end] !== "]" || text[end + 1] !== "(") return null;
  const rest = text.slice(end + 2, end + 2 + furthest).match(/^\s*<?((?:[^\s()<>]|\([^\s()]*\))*)>?(?:\s+["'(][^\n]*?["')])?\s*\)/);
  return rest && { label: text.slice(i + 1, end), address: rest[1], end: end + 2 + rest[0].length };
}

// inline returns the nodes of a text.
export function inline(text, depth = 0) {
  const nodes = [], missing = new Set(); // marks that end nowhere
  let plain = "";
  const put = node => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
    nodes.push(node);
  };
  const wrap = (name, within) => {
    const made = document.createElement(name);
    made.append(...(depth < 8 ? inline(within, depth + 1) : [within]));
    return made;
  };
  for (let i = 0; i < text.length;) {
    const c = text[i];
    if (c === "\\" && /[!-\/:-@\[-`{-~]/.test(text[i + 1] ?? "")) {
      plain += text[i + 1];
      i += 2;
      continue;
    }
    if (c === "`") {
      const ticks = text.slice(i).match(/^`+/)[0], end = closingTicks(text, ticks, i + ticks.length, missing);
      if (end >= 0) {
        const made = document.createElement("code");
        made.textContent = text.slice(i + ticks.length, end).replace(/^ (.*[^ ].*) $/, "$1");
        put(made);
        i = end + ticks.length;
      } else {
        plain += ticks;
        i += ticks.length;
      }
      continue;
    }
    if (c === "[" || c === "!" && text[i + 1] === "[") {
      const found = bracketed(text, c === "!" ? i + 1 : i);
      if (found && safe.test(found.address)) {
        const label = found.label || found.address;
        put(link(found.address, c === "!" ? ["picture: " + label] : depth < 8 ? inline(label, depth + 1) : [label]));
        i = found.end;
        continue;
      }
    }
    if (c === "<" || c === "h") {
      const found = text.slice(i, i + 2000).match(c === "<" ? /^<((?:https?:\/\/|mailto:)[^\s<>]+)>/i : bare);
      if (found && !(c === "h" && letter.test(text[i - 1] ?? ""))) {
        const address = (found[1] ?? found[0]).replace(c === "h" ? /[.,;:!?)\]]+$/ : /$^/, "");
        put(link(address, [address]));
        i += c === "<" ? found[0].length : address.length;
        continue;
      }
    }
    const mark = [text.slice(i, i + 2), c].find(m => marks[m]);
    if (mark && !missing.has(mark) && !/\s/.test(text[i + mark.length] ?? " ") &&
        !(mark[0] === "_" && letter.test(text[i - 1] ?? ""))) {
      const end = closing(text, mark, i + mark.length);
      if (end >= 0) {
        put(wrap(marks[mark], text.slice(i + mark.length, end)));
        i = end + mark.length;
        continue;
      }
      if (text.length - i < furthest) missing.add(mark);
    }
    const step = mark ? mark.length : 1;
    plain += text.slice(i, i + step);
    i += step;
  }
  if (plain) nodes.push(document.createTextNode(plain));
  return nodes;
}

// closingTicks returns where as many backticks stand again, no more and no fewer, or -1.
function closingTicks(text, ticks, from, missing) {
  if (missing.has(ticks)) return -1;
  for (let at = from; (at = text.indexOf(ticks, at)) >= 0;) {
    if (text[at + ticks.length] !== "`" && text[at - 1] !== "`") return at;
    while (text[at] === "`") at++;
  }
  missing.add(ticks);
  return -1;
}
