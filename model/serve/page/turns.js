// Turns of a conversation on the page. A turn has a question and a side for each model that answered it; a side has
// versions of its answer, of which one is shown.
import { render } from "./markdown.js";

const make = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

function button(text, label, act) {
  const made = make("button", "", text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", () => act(made));
  return made;
}

// copy puts a text on the clipboard; browsers offer it on secure pages only, so there is a second way.
export async function copy(text, from) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    const box = make("textarea", "unseen", text);
    box.value = text;
    document.body.append(box);
    box.select();
    done = document.execCommand("copy");
    box.remove();
  }
  const was = from.textContent;
  from.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => { from.textContent = was; }, 1500);
  from.focus();
}

// meta describes how an answer came about.
function meta(v) {
  const parts = [];
  if (v.tokens !== undefined) parts.push(v.tokens === 1 ? "1 token" : `${v.tokens} tokens`);
  if (v.speed) parts.push(`${v.speed < 10 ? v.speed.toFixed(1) : Math.round(v.speed).toLocaleString("en")} tokens/s`);
  if (v.seed !== undefined) parts.push(`seed ${v.seed}`);
  if (v.cut) parts.push("cut at the longest answer");
  if (v.stopped) parts.push("stopped");
  if (v.left) parts.push(v.left === 1 ? "1 message left out" : `the first ${v.left} messages left out`);
  return parts.join(" · ");
}

// drawAnswer shows a side of a turn in its box.
function drawAnswer(box, turn, side, named, acts) {
  const v = side.versions[side.shown], busy = v.busy === true;
  box.className = "answer" + (busy ? " waiting" : "");
  box.setAttribute("aria-busy", String(busy));
  const title = make("h3", named ? "" : "unseen", named ? side.model : `Answer of ${side.model}`);
  const body = make("div", "body");
  render(body, v.text);
  const tools = make("div", "tools");
  box.replaceChildren(title, body);
  if (!busy && !v.text && !v.error) body.append(make("p", "soft", v.stopped ? "Stopped before the first word." : "The model answered nothing."));
  if (v.error) {
    const failure = make("div", "finding error failure");
    failure.setAttribute("role", "alert");
    failure.append(make("p", "", v.error));
    box.append(failure);
  }
  if (!busy) {
    tools.append(make("span", "meta", meta(v)));
    if (v.text) tools.append(button("Copy", "Copy answer", from => copy(v.text, from)));
    tools.append(button("Retry", "Answer again", () => acts.retry(turn, side)));
    if (side.versions.length > 1) {
      const step = (n, text, label) => {
        const made = button(text, label, () => acts.show(turn, side, side.shown + n));
        made.disabled = !side.versions[side.shown + n];
        return made;
      };
      tools.append(step(-1, "‹", "Answer before"), make("span", "", `${side.shown + 1} of ${side.versions.length}`),
        step(1, "›", "Answer after"));
    }
    box.append(tools);
  }
}

// drawTurn makes the element of a turn. It has the boxes of its sides in .boxes.
export function drawTurn(turn, chat, acts) {
  const box = make("section", "turn"), asked = make("div", "question"), sides = make("div", "sides");
  const text = make("div", "text", turn.question), tools = make("div", "tools");
  asked.append(make("h3", "unseen", "You"), text, tools);
  tools.append(button("Copy", "Copy message", from => copy(turn.question, from)),
    button("Edit", "Edit message", () => edit(asked, turn, acts)));
  sides.classList.toggle("two", turn.sides.length > 1);
  box.boxes = turn.sides.map(() => make("article", "answer"));
  box.append(asked, sides);
  sides.append(...box.boxes);
  box.draw = n => {
    const named = turn.sides.length > 1 || turn.sides[0].model !== chat.model;
    drawAnswer(box.boxes[n], turn, turn.sides[n], named, acts);
  };
  turn.sides.forEach((_, n) => box.draw(n));
  if (turn.sides.length === 0) { // nobody answered: the page was closed
    tools.append(button("Ask again", "", () => acts.edit(turn, turn.question)));
  }
  return box;
}

// edit replaces a question by a field.
function edit(asked, turn, acts) {
  const was = [...asked.children], field = make("textarea"), tools = make("div", "tools");
  field.value = turn.question;
  field.setAttribute("aria-label", "Edited message");
  const leave = () => {
    asked.replaceChildren(...was);
    was.at(-1).lastChild.focus();
  };
  const send = () => {
    if (field.value.trim()) acts.edit(turn, field.value.trim());
  };
  field.addEventListener("keydown", event => {
    if (event.key === "Escape") leave();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  });
  tools.append(button("Cancel", "", leave), button("Send", "Send edited message", send));
  asked.replaceChildren(was[0], field, tools);
  field.focus();
}
