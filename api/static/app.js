/* Makes the pages quicker: keys, undo bar, copy button, charts. Every page does its main act without it. */
"use strict";

const ECHARTS = "/static/vendor/echarts/echarts.min.js";
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/* Runs on every page, and again on what htmx has put in place of it. */
function prepare(root) {
  $$("[data-copy], [data-help], .phrases", root).forEach((element) => { element.hidden = false; });
  $$("[data-lines]", root).forEach(showFlagged);
  $$("[data-undo]", root).forEach(watchUndo);
  $$("[data-chart='score-history']", root).forEach(drawHistory);
  $$("form[data-auto-submit]", root).forEach(submitOnChoice);
}

/* The flagged line in the middle of its transcript; the page itself stays where it is. */
function showFlagged(lines) {
  const said = $(".said", lines);
  if (said) lines.scrollTop = said.offsetTop - (lines.clientHeight - said.offsetHeight) / 2;
}

/* The decision can be taken back for some seconds only: then the bar goes, and coming back to the page must not show it. */
function watchUndo(bar) {
  forgetUndo();
  // Once more at the end: htmx may put the address in place after this page has been prepared.
  setTimeout(() => { bar.remove(); forgetUndo(); }, Number(bar.dataset.undo) * 1000);
}

function forgetUndo() {
  const address = new URL(location.href);
  if (!address.searchParams.has("undo")) return;
  address.searchParams.delete("undo");
  history.replaceState(history.state, "", address);
}

/* A page put in by htmx is not read out by itself: say what happened and where one is now. */
function announce() {
  const bar = $("[data-undo]");
  const done = bar ? `决定已记录，${bar.dataset.undo} 秒内按 u 可以撤销。` : "";
  setTimeout(() => { $("#announce").textContent = done + document.title; }, 150);
}

/* A mouse or finger has chosen: no need for the button. Arrow keys only pass over choices, so they do not submit. */
function submitOnChoice(form) {
  let pointed = false;
  form.addEventListener("pointerdown", () => { pointed = true; });
  form.addEventListener("keydown", () => { pointed = false; });
  form.addEventListener("change", () => { if (pointed) form.requestSubmit(); });
}

/* ---- keys of the console ---- */

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  const help = $("#help");
  if (!help) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (help.open) {
    if (event.key === "?") help.close();
    return;
  }
  const act = actOf(event.shiftKey ? event.key : event.key.toLowerCase());
  if (act) {
    event.preventDefault();
    act();
  }
}

function isTyping(target) {
  return target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=submit])");
}

function actOf(key) {
  if (key === "?" || key === "？") return () => $("#help").showModal();
  if (key === "/") return focusOn($("[data-search]"));
  if (key === "n") return focusOn($("[data-note]"));
  const control = $(`[data-key="${CSS.escape(key)}"]`);
  if (control) return () => press(control, key);
  return key === "j" || key === "k" ? stepInList(key === "j" ? 1 : -1) : null;
}

function focusOn(field) {
  return field && (() => { field.focus(); field.select?.(); });
}

/* A key pressed twice must not send a decision twice, nor send the second one to the flag that comes next. */
function press(control, key) {
  const now = performance.now();
  const again = press.key === key && now - press.at < 500 && control.matches("button");
  Object.assign(press, { key, at: now });
  if (!again && !document.body.dataset.busy) control.click();
}

/* In a list j and k move from item to item; Enter opens, as on any link. */
function stepInList(step) {
  const items = $$("[data-list] [data-item]");
  if (!items.length) return null;
  const here = items.findIndex((item) => item === document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : items.length - 1) : Math.min(Math.max(here + step, 0), items.length - 1);
  return () => { items[next].focus(); items[next].scrollIntoView({ block: "nearest" }); };
}

/* ---- clicks ---- */

async function onClick(event) {
  const control = event.target.closest?.("[data-help], [data-phrase], [data-copy]");
  if (!control) return;
  if (control.matches("[data-help]")) $("#help").showModal();
  else if (control.matches("[data-phrase]")) addPhrase(control);
  else await copy(control);
}

function addPhrase(button) {
  const note = $("textarea", button.closest(".field"));
  const before = note.value.trim();
  if (!before.includes(button.dataset.phrase)) note.value = before + button.dataset.phrase;
}

/* The clipboard may be closed to us (plain http, no permission): then the code is selected, ready to be copied by hand. */
async function copy(button) {
  const label = $("span", button);
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = "已复制";
  } catch {
    const code = $("[data-testid=tracking-code]");
    getSelection().selectAllChildren(code);
    label.textContent = "已选中，请复制";
  }
}

/* ---- score history ---- */

function loadOnce(address) {
  loadOnce.loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: address, onload: resolve, onerror: reject });
    document.head.append(script);
  });
  return loadOnce.loading;
}

async function drawHistory(place) {
  const points = JSON.parse(place.dataset.points);
  await loadOnce(ECHARTS);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  place.replaceChildren();
  const scores = points.map((point) => point.score);
  const chart = echarts.init(place, null, { renderer: "svg" });
  chart.setOption({
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    textStyle: { fontFamily: getComputedStyle(place).fontFamily },
    grid: { left: 44, right: 12, top: 14, bottom: 26 },
    tooltip: { trigger: "axis", formatter: ([point]) => `${point.name}：${point.value} 分` },
    xAxis: {
      type: "category", data: points.map((point) => point.day), boundaryGap: false,
      axisLabel: { formatter: (day) => day.slice(5).replace("-", "/"), interval: 21, color: colour("--ink-3") },
      axisTick: { show: false }, axisLine: { lineStyle: { color: colour("--line-2") } },
    },
    yAxis: {
      type: "value", min: Math.max(0, Math.floor((Math.min(...scores) - 20) / 100) * 100), max: 1000, splitNumber: 4, axisLabel: { color: colour("--ink-3") }, splitLine: { lineStyle: { color: colour("--line") } },
    },
    series: [{
      type: "line", step: "end", data: scores, symbol: "none", lineStyle: { width: 2.5, color: colour("--blue-600") },
      areaStyle: { color: colour("--blue-100"), opacity: 0.6 },
    }],
  });
  new ResizeObserver(() => chart.resize()).observe(place);
}

/* ---- start ---- */

document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
document.addEventListener("htmx:before:request", () => { document.body.dataset.busy = "1"; });
document.addEventListener("htmx:finally:request", () => { delete document.body.dataset.busy; });
document.addEventListener("htmx:after:settle", () => {
  prepare($("#page"));
  announce();
  $("#main").focus({ preventScroll: true });
  $("[role=alert]")?.scrollIntoView({ block: "center" });
});
/* A decision sent before htmx was ready loads the next page whole; that it was recorded is still worth saying. */
const decided = $("[data-undo]") !== null;
prepare(document);
if (decided) announce();
