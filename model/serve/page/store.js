// What the browser keeps: conversations, each under a key of its own, so that two open pages do not overwrite each
// other, and the settings. Without a store of the browser's, all is kept until the page is closed.

const prefix = "fettle.chat.", settingsKey = "fettle.settings";

// working returns the browser's store, or, where it is forbidden, one that lasts until the page is closed. A full one
// works: it can be read, and what is deleted makes room.
function working() {
  try {
    localStorage.getItem("fettle.try");
    return localStorage;
  } catch {
    const kept = new Map();
    return {
      get length() { return kept.size; }, key: i => [...kept.keys()][i], getItem: k => kept.get(k) ?? null,
      setItem: (k, v) => kept.set(k, v), removeItem: k => kept.delete(k), gone: true,
    };
  }
}

const disk = working(), unkept = new Map(); // conversations by id that the store had no room for

// lasting tells whether what is saved outlives the page.
export const lasting = !disk.gone;

// read returns a stored value, or null if there is none that can be read.
function read(key) {
  try {
    return JSON.parse(disk.getItem(key));
  } catch {
    return null;
  }
}

const object = x => typeof x === "object" && x !== null;

function sound(chat) {
  return object(chat) && typeof chat.id === "string" && Array.isArray(chat.turns) && chat.turns.every(t =>
    object(t) && typeof t.question === "string" && Array.isArray(t.sides) && t.sides.every(s =>
      object(s) && typeof s.model === "string" && Array.isArray(s.versions) && object(s.versions[s.shown]) &&
      s.versions.every(v => object(v) && typeof v.text === "string")));
}

// get returns the kept conversation of this id, or null.
export function get(id) {
  const chat = unkept.get(id) ?? read(prefix + id);
  return sound(chat) ? chat : null;
}

// list returns the conversations, the last changed first.
export function list() {
  const all = [...unkept.values()];
  for (let i = 0; i < disk.length; i++) {
    const name = disk.key(i), id = name.slice(prefix.length);
    if (!name.startsWith(prefix) || unkept.has(id)) continue;
    const chat = get(id);
    if (chat) all.push(chat);
  }
  return all.sort((a, b) => b.changed - a.changed);
}

// make returns an empty conversation.
export function make(model, other) {
  return { id: Date.now().toString(36) + Math.random().toString(36).slice(2, 8), model, other, turns: [], changed: 0 };
}

// title names a conversation by the beginning of its first question.
export function title(chat) {
  const line = chat.turns[0]?.question.trim().split("\n")[0] ?? "";
  return line.length > 60 ? line.slice(0, 59) + "…" : line || "New chat";
}

// save keeps a conversation. One that another page changed in the meantime stays as that page left it, and this one
// gets an id of its own. It returns false where the store is full: the conversation then lasts until the page is closed.
export function save(chat, changed = Date.now()) {
  const there = get(chat.id);
  if (there && there.changed !== chat.changed) chat.id = make().id;
  chat.changed = changed;
  try {
    disk.setItem(prefix + chat.id, JSON.stringify(chat));
    unkept.delete(chat.id);
    return true;
  } catch {
    unkept.set(chat.id, chat);
    return false;
  }
}

export function remove(id) {
  unkept.delete(id);
  disk.removeItem(prefix + id);
}

// settings returns the kept settings: texts by name.
export function settings() {
  const kept = read(settingsKey);
  return kept && typeof kept === "object" ? kept : {};
}

export function saveSettings(values) {
  try { disk.setItem(settingsKey, JSON.stringify(values)); } catch { /* they last until the page is closed */ }
}

// watch calls back when another page changes a conversation.
export function watch(changed) {
  addEventListener("storage", event => {
    if (event.key === null || event.key.startsWith(prefix)) changed(event.key?.slice(prefix.length));
  });
}
