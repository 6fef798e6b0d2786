"use strict";
// Filters and orders what is on the page already; without it every wrong sentence is still there, section by section.
(() => {
  const form = document.getElementById("filters");
  const groups = [...document.querySelectorAll(".group")];
  const cards = [...document.querySelectorAll(".card")];
  const shown = document.getElementById("shown");
  const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
  const number = (name) => (one, other) => Number(one.dataset[name]) - Number(other.dataset[name]);
  const text = (name) => (one, other) => one.dataset[name].localeCompare(other.dataset[name]) || number("number")(one, other);
  const orders = {
    number: number("number"),
    label: text("label"),
    given: text("given"),
    sure: (one, other) => number("sure")(other, one),
    unsure: number("sure"),
  };

  function apply() {
    const wanted = Object.fromEntries(new FormData(form));
    const letters = wanted.text.trim().toLowerCase();
    let count = 0;
    for (const card of cards) {
      const own = [card.dataset.label, card.dataset.given];
      const fits = (!wanted.kind || card.dataset.kind === wanted.kind)
        && (!wanted.code || own.includes(wanted.code))
        && (!letters || words.get(card).includes(letters));
      card.hidden = !fits;
      count += fits ? 1 : 0;
    }
    for (const group of groups) {
      const list = group.querySelector("ol");
      list.append(...[...list.children].sort(orders[wanted.order]));
      group.hidden = Boolean(wanted.kind) && group.id !== wanted.kind
        || (Boolean(wanted.code || letters) && !group.querySelector(".card:not([hidden])"));
    }
    shown.textContent = count === cards.length ? `共 ${count} 句` : `符合条件 ${count} 句，共 ${cards.length} 句`;
  }

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();

  for (const link of document.querySelectorAll(".jump a")) {
    link.addEventListener("click", () => {
      form.elements.kind.value = "";
      apply();
    });
  }

  for (const table of document.querySelectorAll(".sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.slice(0, 4).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => row.cells[column].dataset.value;
        const rows = [...table.tBodies[0].rows].sort((one, other) =>
          column === 0 ? value(one).localeCompare(value(other)) : Number(value(one)) - Number(value(other)));
        table.tBodies[0].append(...(down ? rows.reverse() : rows));
      });
    });
  }
})();
