// What the browser keeps: conversations, each under a key of its own, so that two open pages do not overwrite each
// other, and the settings. Without a store of the browser's, all is kept until the page is closed.

const prefix = "fettle.chat.", settingsKey = "fettle.settings";

function working() {
  try {
    localStorage.setItem("fettle.try", "1");
    localStorage.removeItem("fettle.try");
    return localStorage;
  } catch {
    const kept = new Map();
    return {
      get length() { return kept.size; }, key: i => [...kept.keys()][i], getItem: k => kept.get(k) ?? null,
      setItem: (k, v) => kept.set(k, v), removeItem: k => kept.delete(k), gone: true,
    };
  }
}

const disk = working();

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

function sound(chat) {
  return chat && typeof chat.id === "string" && Array.isArray(chat.turns) && chat.turns.every(t =>
    typeof t.question === "string" && Array.isArray(t.sides) && t.sides.every(s =>
      typeof s.model === "string" && Array.isArray(s.versions) && s.versions.length > 0));
}

// list returns the conversations, the last changed first.
export function list() {
  const all = [];
  for (let i = 0; i < disk.length; i++) {
    const name = disk.key(i);
    if (!name.startsWith(prefix)) continue;
    const chat = read(name);
    if (sound(chat)) all.push(chat);
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

// save keeps a conversation. It returns false where the store is full.
export function save(chat) {
  try {
    disk.setItem(prefix + chat.id, JSON.stringify(chat));
    return true;
  } catch {
    return false;
  }
}

export function remove(id) { disk.removeItem(prefix + id); }

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
