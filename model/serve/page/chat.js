// The chat page: conversations that the browser keeps, answered by the models of this server.
import * as api from "./api.js";
import * as settings from "./settings.js";
import * as store from "./store.js";
import { copy, drawTurn } from "./turns.js";

const $ = id => document.getElementById(id);
const talk = $("talk"), text = $("text"), send = $("send");
let cards = new Map(), chat = store.make("", ""), running = null;

// unlock asks for the server's key.
function unlock(refused) {
  return new Promise(done => {
    const lock = $("lock"), form = lock.querySelector("form");
    $("wrong").textContent = refused ? "The server did not accept the key." : "";
    $("key").value = "";
    form.onsubmit = event => {
      event.preventDefault();
      lock.returnValue = $("key").value.trim();
      lock.close();
    };
    $("leave").onclick = () => { lock.returnValue = ""; lock.close(); };
    lock.oncancel = () => { lock.returnValue = ""; };
    lock.onclose = () => done(lock.returnValue || null);
    lock.showModal();
  });
}

// notify shows a sentence, with an action where there is one. It goes by itself, or with the next one.
let leaving;
function notify(sentence, { error = false, action = "", act = null } = {}) {
  const box = $("notice"), button = box.querySelector(".act");
  clearTimeout(leaving);
  box.hidden = !sentence;
  box.classList.toggle("error", error);
  box.firstChild.textContent = sentence;
  button.hidden = !act;
  button.textContent = action;
  button.onclick = () => { notify(""); act(); };
  if (sentence && !error) leaving = setTimeout(() => notify(""), 10000);
}
$("notice").querySelector(".close").addEventListener("click", () => notify(""));

function keep() {
  const was = chat.id;
  if (!store.save(chat)) notify("The browser's store is full: delete conversations to keep new ones.", { error: true });
  if (chat.id !== was) {
    history.replaceState(null, "", "#" + chat.id);
    notify("Another page went on with this conversation: both are kept.");
  }
  drawList();
}

// Conversations

function drawList() {
  $("list").replaceChildren(...store.list().map(one => {
    const row = document.createElement("li"), open = document.createElement("button"), drop = document.createElement("button");
    open.type = drop.type = "button";
    open.className = "title";
    open.textContent = open.title = store.title(one);
    open.addEventListener("click", () => choose(one));
    drop.className = "drop";
    drop.textContent = "✕";
    drop.setAttribute("aria-label", "Delete " + store.title(one));
    drop.addEventListener("click", () => forget([one]));
    if (one.id === chat.id) {
      row.className = "here";
      open.setAttribute("aria-current", "true");
    }
    row.append(open, drop);
    return row;
  }));
}

function choose(one) {
  running?.abort();
  for (const turn of one.turns) for (const side of turn.sides) for (const v of side.versions) {
    if (v.busy) Object.assign(v, { busy: false, stopped: true }); // the page was closed
  }
  if (!cards.has(one.model)) {
    if (one.model && cards.size) notify(`${one.model} is not served here; ${first()} answers now.`);
    one.model = first();
  }
  if (!cards.has(one.other)) one.other = "";
  chat = one;
  history.replaceState(null, "", one.turns.length ? "#" + one.id : location.pathname);
  if ($("chats").matches(":popover-open")) $("chats").hidePopover();
  draw();
  drawList();
  if (matchMedia("(pointer: fine)").matches) text.focus(); // elsewhere a keyboard would cover the conversation
}

// forget deletes conversations, until undone.
const deleted = new Set(); // of conversations
function forget(gone) {
  for (const one of gone) {
    store.remove(one.id);
    deleted.add(one.id);
  }
  if (gone.some(one => one.id === chat.id)) choose(store.make(chat.model, chat.other));
  drawList();
  notify(gone.length === 1 ? `Deleted “${store.title(gone[0])}”.` : `Deleted ${gone.length} conversations.`,
    { action: "Undo", act: () => {
      for (const one of gone) {
        deleted.delete(one.id);
        store.save(one, one.changed);
      }
      drawList();
    } });
}

// The page

const first = () => cards.keys().next().value ?? "";
const element = turn => [...$("turns").children].find(box => box.turn === turn);

function draw() {
  $("model").value = chat.model;
  $("other").value = chat.other;
  $("turns").replaceChildren(...chat.turns.map(drawOne));
  $("empty").hidden = chat.turns.length > 0;
  const card = cards.get(chat.model);
  settings.show(card);
  $("about").textContent = card ? about(card) : "";
  document.title = chat.turns.length ? store.title(chat) + " · fettle" : "fettle";
  talk.scrollTop = talk.scrollHeight;
  state();
}

function drawOne(turn) {
  const box = drawTurn(turn, chat, { retry, show, edit });
  box.turn = turn;
  return box;
}

// about describes a model in sentences.
function about(card) {
  const what = card.adapter ? `${card.id} is a tuned model (${card.adapter}).` : `${card.id} is a model without an adapter.`;
  const how = !card.recipe ? " It has no prompt template: it continues your text." :
    card.single_turns ? ` Its prompt, ${card.recipe}, takes one instruction: every message stands alone.` :
      ` Its prompt is ${card.recipe}.`;
  return `${what}${how} Its context holds ${card.max_model_len.toLocaleString("en")} tokens.`;
}

// state fills the line below the message: how much of the context the last answer took, or what is special here.
function state() {
  const card = cards.get(chat.model), last = chat.turns.at(-1)?.sides[0];
  const used = last?.versions[last.shown]?.used;
  $("state").textContent = used && card ? `Context: ${used.toLocaleString("en")} of ` +
    `${card.max_model_len.toLocaleString("en")} tokens.` : card?.single_turns ? "Every message stands alone." : "";
}

// Answers

// usable returns the answer of a side that a later question may refer to, or "".
const usable = side => side && !side.versions[side.shown].error ? side.versions[side.shown].text : "";

// messages returns what a model has seen before the question of a turn, and the question. Turns without an answer are
// left out.
function messages(turn, model) {
  const list = [];
  for (const before of cards.get(model).single_turns ? [] : chat.turns.slice(0, chat.turns.indexOf(turn))) {
    const answer = usable(before.sides.find(s => s.model === model)) || before.sides.map(usable).find(Boolean);
    if (answer) list.push({ role: "user", content: before.question }, { role: "assistant", content: answer });
  }
  return [...list, { role: "user", content: turn.question }];
}

// ask adds a version to a side, a new one or one of the turn's, and fills it.
async function ask(turn, side, signal, seed) {
  const v = { text: "", busy: true }, mine = chat, card = cards.get(side.model);
  side.shown = side.versions.push(v) - 1;
  if (!turn.sides.includes(side)) turn.sides.push(side);
  element(turn).replaceWith(drawOne(turn));
  const n = turn.sides.indexOf(side), { request, system } = settings.chosen();
  const body = { ...request, model: side.model, stream_options: { include_usage: true } };
  if (seed !== undefined) body.seed = seed;
  if (card.recipe) {
    body.messages = [...(system ? [{ role: "system", content: system }] : []), ...messages(turn, side.model)];
    body.truncate = true;
  } else {
    body.prompt = turn.question;
  }
  let waiting = false;
  const redraw = () => {
    waiting = false;
    const low = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80;
    if (chat === mine) element(turn)?.draw(n);
    if (low) talk.scrollTop = talk.scrollHeight;
  };
  talk.scrollTop = talk.scrollHeight;
  try {
    for await (const event of api.stream(card.recipe ? "/v1/chat/completions" : "/v1/completions", body, signal, unlock)) {
      const choice = event.choices[0];
      v.text += choice?.delta?.content ?? choice?.text ?? "";
      if (choice?.finish_reason) v.cut = choice.finish_reason === "length";
      if (event.usage) Object.assign(v, { tokens: event.usage.completion_tokens, used: event.usage.total_tokens });
      if (event.timings) v.speed = event.timings.predicted_per_second;
      if (event.messages_left_out) v.left = event.messages_left_out;
      v.seed = event.seed;
      if (!waiting) {
        waiting = true;
        requestAnimationFrame(redraw);
      }
    }
  } catch (error) {
    if (error.name === "AbortError") v.stopped = true;
    else v.error = error.message;
  }
  delete v.busy;
  redraw();
  if (chat === mine) keep();
  else if (!deleted.has(mine.id)) store.save(mine);
  $("said").textContent = v.error ? "" : `${side.model} answered: ${v.text}`;
}

// work runs answers one after another, until the user stops them.
async function work(answers) {
  if (running) { notify("One answer at a time: stop this one first, or wait for it."); return; }
  const wrong = settings.wrong();
  if (wrong) {
    $("settings").showPopover();
    wrong.input.focus();
    notify(wrong.text, { error: true });
    return;
  }
  notify("");
  const mine = running = new AbortController();
  send.textContent = "Stop";
  try {
    for (const answer of answers) {
      if (!mine.signal.aborted) await answer(mine.signal);
    }
  } finally {
    running = null;
    send.textContent = "Send";
    state();
    if (chat.turns.at(-1)?.sides.some(side => side.versions[side.shown].error)) renew();
    if (document.activeElement === document.body) talk.focus({ preventScroll: true }); // its button was drawn anew
  }
}

// put asks the chosen models a turn's question.
function put(turn) {
  turn.sides = [];
  const names = chat.other && chat.other !== chat.model ? [chat.model, chat.other] : [chat.model];
  return work(names.map(model => signal => ask(turn, { model, versions: [], shown: 0 }, signal)));
}

function question() {
  const content = text.value.trim();
  if (!content) return;
  if (!cards.size) { begin(); return; }
  if (settings.wrong()) { work([]); return; }
  const turn = { question: content, sides: [] };
  chat.turns.push(turn);
  text.value = "";
  grow();
  $("empty").hidden = true;
  $("turns").append(drawOne(turn));
  history.replaceState(null, "", "#" + chat.id);
  document.title = store.title(chat) + " · fettle";
  keep();
  put(turn);
}

function retry(turn, side) {
  if (!cards.has(side.model)) {
    notify(`${side.model} is not served here: edit the message to ask ${chat.model}.`, { error: true });
    return;
  }
  const fixed = settings.chosen().request.seed;
  const seed = fixed === undefined ? crypto.getRandomValues(new Uint32Array(1))[0] : fixed + side.versions.length;
  work([signal => ask(turn, side, signal, seed)]);
}

function show(turn, side, n) {
  side.shown = n;
  element(turn).draw(turn.sides.indexOf(side));
  keep();
}

// edit asks a changed question; the turns behind it go, until undone.
function edit(turn, content) {
  if (running) { work([]); return; }
  const was = structuredClone(chat.turns), mine = chat, at = chat.turns.indexOf(turn);
  const behind = chat.turns.length - at - 1;
  chat.turns.splice(at, chat.turns.length, { question: content, sides: [] });
  draw();
  keep();
  put(chat.turns[at]).then(() => {
    if (behind > 0 && chat === mine) {
      notify(behind === 1 ? "The message after it is gone." : `The ${behind} messages after it are gone.`,
        { action: "Undo", act: () => { mine.turns = was; if (chat === mine) draw(); keep(); } });
    }
  });
}

// What the user does

function grow() {
  text.style.height = "auto";
  text.style.height = text.scrollHeight + 2 + "px";
}

$("ask").addEventListener("submit", event => {
  event.preventDefault();
  running ? running.abort() : question();
});
text.addEventListener("input", grow);
text.addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!running) question();
  }
});
addEventListener("keydown", event => {
  if (event.key === "Escape" && running && !document.querySelector(":popover-open, dialog[open]")) running.abort();
});
talk.addEventListener("click", event => {
  if (event.target.matches(".block .copy")) copy(event.target.closest(".block").querySelector("code").textContent, event.target);
});
$("new").addEventListener("click", () => choose(store.make(chat.model, chat.other)));
$("forget").addEventListener("click", () => {
  $("settings").hidePopover();
  const all = store.list();
  if (all.length) forget(all);
});
$("reset").addEventListener("click", () => { settings.reset(); tell(); });
for (const id of ["model", "other"]) {
  $(id).addEventListener("change", () => {
    chat[id] = $(id).value;
    if (chat.turns.length) keep();
    draw();
  });
}
addEventListener("pagehide", () => { if (running && !deleted.has(chat.id)) store.save(chat); });

// What another page does to the conversation is seen here as well, unless this page is at work on it.
store.watch(id => {
  const there = id === chat.id && !running && !document.querySelector(".question textarea") ? store.get(id) : null;
  if (there) {
    const left = talk.scrollTop;
    chat = there;
    draw();
    talk.scrollTop = left;
  }
  drawList();
});

// offer fills the lists of models.
function offer(found) {
  cards = new Map(found.map(card => [card.id, card]));
  $("model").replaceChildren(...[...cards.keys()].map(name => new Option(name, name)));
  $("other").replaceChildren(new Option("no comparison", ""), ...[...cards.keys()].map(name => new Option("beside " + name, name)));
  $("beside").hidden = cards.size < 2;
}

// begin learns which models there are.
async function begin() {
  try {
    offer(await api.models(unlock));
  } catch (error) {
    notify(error.message, { error: true, action: "Try again", act: begin });
    return;
  }
  notify(store.lasting ? "" : "This browser keeps nothing: conversations last until the page is closed.");
  const named = store.list().find(one => "#" + one.id === location.hash);
  choose(named ?? Object.assign(chat, { model: cards.has(chat.model) ? chat.model : first() }));
}

// renew looks after a failure whether the server was started again with other models.
async function renew() {
  try {
    const found = await api.models(() => null), names = found.map(card => card.id);
    if (running || !found.length || String(names) === String([...cards.keys()])) return;
    offer(found);
    if (!cards.has(chat.other)) chat.other = "";
    if (!cards.has(chat.model)) {
      notify(`${chat.model} is not served here any more; ${first()} answers now.`);
      chat.model = first();
    }
    $("model").value = chat.model;
    $("other").value = chat.other;
    settings.show(cards.get(chat.model));
    $("about").textContent = about(cards.get(chat.model));
    state();
  } catch { /* the failure has been told */ }
}

// tell shows on the button how many settings are changed: a seed that was forgotten repeats its answers for ever.
function tell() {
  $("tune").textContent = settings.changed() ? `Settings (${settings.changed()})` : "Settings";
}

settings.build($("fields"), tell);
tell();
drawList();
begin();
