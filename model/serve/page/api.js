// Requests to the server that this page came from.

let key = "";
try { key = sessionStorage.getItem("fettle.key") || ""; } catch { /* the browser keeps nothing */ }

// call sends a request. Where the server requires a key, unlock(refused) asks for it; a null ends the attempt.
export async function call(path, options, unlock) {
  for (let refused = false; ; refused = key !== "") {
    const headers = { "Content-Type": "application/json" };
    if (key) headers.Authorization = "Bearer " + key;
    let answer;
    try {
      answer = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer. Is fettle serve still running?");
    }
    if (answer.status !== 401) return answer;
    const given = await unlock(key !== "" || refused);
    if (given === null) throw new Error("The server requires a key.");
    key = given;
    try { sessionStorage.setItem("fettle.key", key); } catch { /* it is asked for again after a reload */ }
  }
}

// reason returns the error in a response.
async function reason(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered with status ${response.status}.`;
  }
}

// models lists what the server serves.
export async function models(unlock) {
  const response = await call("/v1/models", {}, unlock);
  if (!response.ok) throw new Error(await reason(response));
  return (await response.json()).data;
}

// stream yields the events of a streamed answer.
export async function* stream(path, body, signal, unlock) {
  const response = await call(path, { method: "POST", body: JSON.stringify({ ...body, stream: true }), signal }, unlock);
  if (!response.ok) throw new Error(await reason(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let next;
    try {
      next = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      next = { done: true };
    }
    if (next.done) throw new Error("The connection ended before the answer did.");
    const lines = (rest + next.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "data: [DONE]") return;
      if (!line.startsWith("data: ")) continue;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}
