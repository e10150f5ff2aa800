// Follows a run: replaces the parts of the page that changed and sends the requests of its buttons.
(() => {
  const body = document.body, token = body.dataset.token, seen = new Map();
  const save = document.getElementById("save"), stop = document.getElementById("stop");
  const said = document.getElementById("said"), title = document.title;

  const say = (text) => {
    said.textContent = text;
    said.hidden = !text;
  };

  // What was unfolded stays so, and a chart under the pointer keeps showing its column.
  const replace = (part, html) => {
    if (seen.get(part.id) === html) return;
    seen.set(part.id, html);
    const old = document.getElementById(part.id);
    const open = [...old.querySelectorAll("details[open][id]")].map((folded) => folded.id);
    const charts = [...old.querySelectorAll("svg.chart")];
    const shown = charts.map((chart) => chart.dataset.shown);
    const focused = charts.indexOf(document.activeElement);
    old.replaceChildren(...part.childNodes);
    for (const id of open) {
      const folded = document.getElementById(id);
      if (folded) folded.open = true;
    }
    [...old.querySelectorAll("svg.chart")].forEach((chart, i) => {
      if (i === focused) chart.focus({preventScroll: true});
      if (shown[i] !== undefined) showColumn(chart, Number(shown[i]));
    });
  };

  const phase = (name) => {
    body.dataset.phase = name;
    save.disabled = stop.disabled = name !== "running" && name !== "preparing";
    const steps = document.querySelector("#state progress");
    document.title = (steps ? Math.floor(100 * steps.value / steps.max || 0) + " % · " : "") + title;
  };

  const events = new EventSource("events");
  let ended = false, over = false; // over: the program said so
  events.onmessage = (message) => {
    const now = JSON.parse(message.data);
    if (now.token !== token) return location.reload(); // the program was started again
    const parts = new DOMParser().parseFromString(now.parts, "text/html");
    for (const part of parts.querySelectorAll("[data-part]")) replace(part, part.innerHTML);
    phase(now.phase);
    if (ended) say("");
    ended = false;
    over = now.end;
    if (over) {
      save.disabled = stop.disabled = true;
      say("The program has ended. This page stays in report.html in the run's directory.");
    }
  };
  events.onerror = () => {
    ended = true;
    save.disabled = stop.disabled = true;
    if (!over) say("The program does not answer: it was killed, perhaps. The page follows it again when it is back.");
  };

  const send = async (path, done) => {
    try {
      const answer = await fetch(path, {method: "POST", headers: {"X-Fettle-Token": token}});
      say(answer.ok ? done : await answer.text());
    } catch {
      say("The program does not answer.");
    }
  };
  save.onclick = () => send("save", "A checkpoint is written after the current step.");

  // The first click asks, the second one within five seconds stops.
  let asked = 0;
  const label = stop.textContent;
  stop.onclick = () => {
    if (!asked) {
      stop.textContent = "Really stop?";
      asked = setTimeout(() => { asked = 0; stop.textContent = label; }, 5000);
      return;
    }
    clearTimeout(asked);
    asked = 0;
    stop.textContent = label;
    stop.disabled = true;
    send("stop", "The run saves its last finished step and stops. The same command continues it.");
  };
  phase(body.dataset.phase);
})();
