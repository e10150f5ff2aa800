// The page of a run that goes on is written anew every few seconds; this shows the new one, with what was unfolded.
(() => {
  const body = document.body, open = "fettle:" + location.pathname;
  try {
    for (const id of JSON.parse(sessionStorage.getItem(open) ?? "[]")) {
      const folded = document.getElementById(id);
      if (folded) folded.open = true;
    }
  } catch { /* a browser without storage for files */ }
  if (body.dataset.phase !== "running") return;
  const age = Date.now() / 1000 - Number(body.dataset.written);
  if (age > 600) {
    const said = document.getElementById("said");
    said.hidden = false;
    said.textContent = `This page was written ${Math.round(age / 60)} minutes ago: either a step takes that long, or ` +
      "the run was ended from outside. The same command continues it from its last checkpoint.";
  }
  const again = () => {
    const busy = document.querySelector("svg.chart[data-shown]") || String(getSelection());
    if (busy || document.hidden) return setTimeout(again, 2000);
    try {
      const ids = [...document.querySelectorAll("details[open][id]")].map((folded) => folded.id);
      sessionStorage.setItem(open, JSON.stringify(ids));
    } catch { /* as above */ }
    location.reload();
  };
  setTimeout(again, age > 600 ? 60000 : 5000);
})();
