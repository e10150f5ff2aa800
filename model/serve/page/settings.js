// The settings of answers: fields with their bounds, which are the server's.
import * as store from "./store.js";

const table = [
  { name: "system", label: "System message", rows: 3, hint: "stands before the conversation" },
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: .05, hint: "0 always takes the most probable token" },
  { name: "max_tokens", label: "Longest answer", min: 1, max: 1048576, step: 1, hint: "in tokens" },
  { name: "top_p", label: "Top p", min: .01, max: 1, step: .01, hint: "samples among the tokens that have this probability together" },
  { name: "top_k", label: "Top k", min: 0, max: 1000000, step: 1, hint: "samples among this many tokens; 0: all" },
  { name: "min_p", label: "Min p", min: 0, max: 1, step: .01, hint: "leaves out tokens that are less probable than this times the first" },
  { name: "repetition_penalty", label: "Repetition penalty", min: .01, max: 100, step: .01, hint: "above 1, repeated tokens become less probable" },
  { name: "frequency_penalty", label: "Frequency penalty", min: -2, max: 2, step: .1, hint: "for each time that the answer has a token" },
  { name: "presence_penalty", label: "Presence penalty", min: -2, max: 2, step: .1, hint: "once the answer has a token" },
  { name: "seed", label: "Seed", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, hint: "the same seed gives the same answer", empty: "a new one each time" },
  { name: "stop", label: "Stop texts", rows: 2, hint: "one a line, 16 at most; an answer ends before the first" },
];

const fields = new Map(); // name to { spec, input, hint }

// build makes the fields within a box; changed is called after every change.
export function build(box, changed) {
  const kept = store.settings();
  for (const spec of table) {
    const label = document.createElement("label"), hint = document.createElement("p");
    const input = document.createElement(spec.rows ? "textarea" : "input");
    input.id = "set-" + spec.name;
    label.htmlFor = input.id;
    label.textContent = spec.label;
    if (spec.rows) input.rows = spec.rows;
    else Object.assign(input, { type: "number", min: spec.min, max: spec.max, step: "any", inputMode: "decimal" });
    input.value = typeof kept[spec.name] === "string" ? kept[spec.name] : "";
    hint.id = input.id + "-hint";
    hint.className = "hint";
    input.setAttribute("aria-describedby", hint.id);
    fields.set(spec.name, { spec, input, hint });
    input.addEventListener("input", () => {
      check(spec.name);
      store.saveSettings(Object.fromEntries([...fields].map(([name, f]) => [name, f.input.value])));
      changed();
    });
    box.append(label, input, hint);
    check(spec.name);
  }
}

// problem says what is wrong with a field, or returns "".
function problem({ spec, input }) {
  if (spec.name === "stop") return lines(input.value).length > 16 ? "16 texts at most" : "";
  if (spec.rows) return "";
  if (input.validity.badInput) return "not a number";
  if (input.value === "") return "";
  const x = Number(input.value);
  if (spec.step === 1 && !Number.isInteger(x)) return "want a whole number";
  if (x < spec.min || x > spec.max) return `want ${spec.min} to ${spec.max}`;
  return "";
}

function check(name) {
  const f = fields.get(name), wrong = problem(f);
  f.input.setCustomValidity(wrong);
  f.input.setAttribute("aria-invalid", String(wrong !== ""));
  f.hint.classList.toggle("bad", wrong !== "");
  f.hint.textContent = wrong || f.spec.hint;
  return wrong;
}

const lines = text => text.split("\n").filter(line => line !== "");

// show puts a model's own settings behind empty fields.
export function show(card) {
  fields.get("max_tokens").spec.max = card?.max_completion_tokens ?? 1048576;
  check("max_tokens");
  for (const [name, { spec, input }] of fields) {
    const own = card?.defaults?.[name];
    input.placeholder = spec.empty ?? (own === undefined ? "none" : String(own));
  }
}

// wrong returns the first field whose value is out of its bounds, with a sentence about it.
export function wrong() {
  for (const [name, f] of fields) {
    const text = check(name);
    if (text) return { input: f.input, text: `${f.spec.label}: ${text}.` };
  }
  return null;
}

// chosen returns the fields of a request that are set, and the system message apart.
export function chosen() {
  const request = {};
  for (const [name, { spec, input }] of fields) {
    if (!spec.rows && input.value !== "") request[name] = Number(input.value);
  }
  const stop = lines(fields.get("stop").input.value);
  if (stop.length) request.stop = stop;
  return { request, system: fields.get("system").input.value.trim() };
}

// changed returns how many settings are not left to the model.
export const changed = () => [...fields.values()].filter(f => f.input.value !== "").length;

export function reset() {
  for (const name of fields.keys()) {
    fields.get(name).input.value = "";
    check(name);
  }
  store.saveSettings({});
}
