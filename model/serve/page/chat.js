"use strict";
const $ = id => document.getElementById(id);
const talk = $("talk"), text = $("text"), send = $("send"), note = $("note");
let turns = [], running = null, warmth = null, key = sessionStorage.getItem("key") || "";

// call asks the server, and for the key where the server requires one.
async function call(path, options = {}) {
  for (;;) {
    const headers = { "Content-Type": "application/json" };
    if (key) headers.Authorization = "Bearer " + key;
    const answer = await fetch(path, { ...options, headers });
    if (answer.status !== 401) return answer;
    key = prompt("This server requires a key:") || "";
    if (!key) throw new Error("The server requires a key.");
    sessionStorage.setItem("key", key);
  }
}

function show(role, content) {
  $("empty").hidden = true;
  const turn = document.createElement("div"), inner = document.createElement("div");
  turn.className = "turn " + role;
  inner.textContent = content;
  turn.append(inner);
  talk.append(turn);
  talk.scrollTop = talk.scrollHeight;
  return turn;
}

// events yields the objects of a stream of server-sent events.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      yield JSON.parse(line.slice(6));
    }
  }
}

// chosen returns the settings that were changed; the others are the server's.
function chosen() {
  const settings = {};
  if (warmth !== null) settings.temperature = warmth;
  if ($("length").value) settings.max_tokens = Number($("length").value);
  if ($("seed").value) settings.seed = Number($("seed").value);
  return settings;
}

async function answer() {
  const turn = show("assistant waiting", ""), inner = turn.firstChild;
  let said = "", tokens = 0, why = "", seed = "", left = 0;
  const mine = turns;
  running = new AbortController();
  send.textContent = "Stop";
  const began = performance.now();
  try {
    const system = $("system").value.trim();
    const response = await call("/v1/chat/completions", {
      method: "POST", signal: running.signal,
      body: JSON.stringify({
        model: $("model").value, stream: true, stream_options: { include_usage: true },
        messages: [...(system ? [{ role: "system", content: system }] : []), ...mine],
        truncate: true, ...chosen(),
      }),
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    for await (const event of events(response.body)) {
      if (event.error) throw new Error(event.error.message);
      const choice = event.choices[0];
      const low = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60;
      if (choice?.delta?.content) inner.textContent = said += choice.delta.content;
      if (choice?.finish_reason) why = choice.finish_reason;
      if (event.usage) tokens = event.usage.completion_tokens;
      seed = event.seed;
      left = event.messages_left_out || 0;
      if (low) talk.scrollTop = talk.scrollHeight;
    }
    const seconds = (performance.now() - began) / 1000;
    note.textContent = `${tokens} tokens in ${seconds.toFixed(1)} s, seed ${seed}` +
      (why === "length" ? ", cut at the longest answer" : "") +
      (left ? `; the model did not see the first ${left} messages` : "");
  } catch (error) {
    if (error.name === "AbortError") {
      note.textContent = "Stopped.";
    } else {
      turn.classList.add("failed");
      inner.textContent = (said ? said + "\n\n" : "") + error.message;
    }
  }
  turn.classList.remove("waiting");
  if (turn.classList.contains("failed")) mine.pop(); // the question stays unanswered
  else if (said) mine.push({ role: "assistant", content: said });
  else mine.pop();
  running = null;
  send.textContent = "Send";
  text.focus();
}

function ask() {
  const content = text.value.trim();
  if (!content) return;
  turns.push({ role: "user", content });
  show("user", content);
  text.value = "";
  grow();
  answer();
}

function grow() {
  text.style.height = "auto";
  text.style.height = text.scrollHeight + 2 + "px";
}

$("ask").addEventListener("submit", event => {
  event.preventDefault();
  running ? running.abort() : ask();
});
text.addEventListener("input", grow);
text.addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!running) ask();
  }
});
$("clear").addEventListener("click", () => {
  running?.abort();
  turns = [];
  talk.querySelectorAll(".turn").forEach(turn => turn.remove());
  $("empty").hidden = false;
  note.textContent = "";
  text.focus();
});
$("tune").addEventListener("click", () => {
  $("settings").hidden = !$("settings").hidden;
  $("tune").setAttribute("aria-expanded", String(!$("settings").hidden));
});
$("temperature").addEventListener("input", () => {
  warmth = Number($("temperature").value);
  $("shown").textContent = warmth;
});

call("/v1/models").then(response => response.json()).then(list => {
  for (const model of list.data) $("model").append(new Option(model.id, model.id));
}).catch(error => { note.textContent = error.message; });
