"use strict";
// Shows the values of the column under the pointer, or of the one that the arrow keys lead to, beside it.
(() => {
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // The title of a column becomes its text, so that the browser does not show it a second time.
  const textOf = (hit) => {
    const title = hit.querySelector("title");
    if (title) {
      hit.dataset.text = title.textContent;
      title.remove();
    }
    return hit.dataset.text;
  };

  const hide = (chart) => {
    chart.querySelector(".pointed").replaceChildren();
    chart.parentNode.querySelector(".tip")?.remove();
    delete chart.dataset.shown;
  };

  const show = (chart, index) => {
    const hits = [...chart.querySelectorAll(".hit")];
    if (!hits.length) return;
    index = Math.max(0, Math.min(hits.length - 1, index));
    hits.forEach(textOf);
    const [at, ...marks] = hits[index].dataset.at.split(" ");
    const pointed = [];
    if (marks.length) pointed.push(svg("line", {class: "cross", x1: at + "%", x2: at + "%", y1: 0, y2: "100%"}));
    for (let i = 0; i < marks.length; i += 2) {
      pointed.push(svg("circle", {class: "dot " + marks[i], cx: at + "%", cy: marks[i + 1] + "%", r: 4.5}));
    }
    chart.querySelector(".pointed").replaceChildren(...pointed);
    chart.dataset.shown = index;
    let tip = chart.parentNode.querySelector(".tip");
    if (!tip) {
      tip = document.createElement("output");
      tip.className = "tip";
      chart.parentNode.append(tip);
    }
    tip.textContent = textOf(hits[index]);
    const left = chart.getBoundingClientRect(), frame = chart.parentNode.getBoundingClientRect();
    const x = left.left - frame.left + left.width * at / 100;
    const after = x + 12 + tip.offsetWidth <= frame.width;
    tip.style.left = Math.max(0, after ? x + 12 : x - 12 - tip.offsetWidth) + "px";
    tip.style.top = left.top - frame.top + 8 + "px";
  };

  const chartOf = (event) => event.target.closest?.("svg.chart");
  const pointed = (event) => {
    const hit = event.target.closest?.(".hit");
    for (const chart of document.querySelectorAll("svg.chart[data-shown]")) {
      if (chart !== chartOf(event) && chart !== document.activeElement) hide(chart);
    }
    if (hit) show(chartOf(event), [...chartOf(event).querySelectorAll(".hit")].indexOf(hit));
  };
  document.addEventListener("pointermove", pointed);
  document.addEventListener("pointerdown", pointed);
  document.addEventListener("focusout", (event) => { if (chartOf(event)) hide(chartOf(event)); });
  document.addEventListener("keydown", (event) => {
    const chart = chartOf(event);
    if (!chart) return;
    const last = chart.querySelectorAll(".hit").length - 1;
    const shown = Number(chart.dataset.shown ?? -1);
    const next = {ArrowRight: shown + 1, ArrowLeft: shown < 0 ? last : shown - 1, Home: 0, End: last}[event.key];
    if (event.key === "Escape") hide(chart);
    if (next === undefined) return;
    event.preventDefault();
    show(chart, next);
  });
  window.showColumn = show; // for a page that replaces its charts
})();
