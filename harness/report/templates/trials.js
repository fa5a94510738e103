"use strict";
// The trials table: sorted by a heading, filtered by criterion, status and words, and marked where a trial is selected.
(() => {
  const table = document.querySelector("table[data-trials]");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const words = document.getElementById("trials-words");
  const status = document.getElementById("trials-status");
  const only = document.getElementById("trials-selected");
  const count = document.getElementById("trials-count");
  const boxes = Array.from(document.querySelectorAll("input[data-criterion]"));
  const selected = new Set();

  const hidden = () => new Set(boxes.filter((box) => !box.checked).map((box) => box.dataset.criterion));

  const filter = () => {
    const without = hidden();
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      const fits =
        !without.has(row.dataset.criterion) &&
        (!status.value || row.dataset.status === status.value) &&
        (!only.checked || selected.has(place)) &&
        wanted.every((word) => texts[place].includes(word));
      row.hidden = !fits;
      shown += fits;
    });
    const picked = selected.size ? `, ${selected.size} selected` : "";
    count.textContent = `${shown} of ${rows.length} trials shown${picked}`;
    document.dispatchEvent(new CustomEvent("trials-filtered", { detail: rows.map((row) => !row.hidden) }));
  };

  // What a cell is sorted by: its number where it begins with one, else its words; blanks come last either way.
  const worth = (row, column) => {
    const text = row.cells[column].textContent.trim().replace("−", "-");
    const number = parseFloat(text);
    return { number, text, isBlank: text === "–" || text === "" };
  };

  const sort = (column, way) => {
    const keys = new Map(rows.map((row) => [row, worth(row, column)]));
    const numeric = rows.every((row) => keys.get(row).isBlank || !Number.isNaN(keys.get(row).number));
    const compare = (a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      if (x.isBlank || y.isBlank) return x.isBlank - y.isBlank;
      const order = numeric ? x.number - y.number : x.text.localeCompare(y.text, "en", { numeric: true });
      return way === "descending" ? -order : order;
    };
    body.append(...[...rows].sort(compare));
  };

  Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const way = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", way);
      sort(column, way);
    });
  });

  const tell = () => document.dispatchEvent(new CustomEvent("trials-selected", { detail: [...selected] }));

  const mark = () => {
    rows.forEach((row, place) => {
      row.classList.toggle("picked", selected.has(place));
      row.querySelector("button").setAttribute("aria-pressed", selected.has(place));
    });
    filter();
  };

  rows.forEach((row, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = row.cells[0].textContent;
    row.cells[0].replaceChildren(button);
    button.addEventListener("click", () => {
      if (!selected.delete(place)) selected.add(place);
      mark();
      tell();
    });
  });

  document.addEventListener("figures-selected", (event) => {
    selected.clear();
    event.detail.forEach((place) => selected.add(place));
    mark();
  });

  document.addEventListener("figures-ready", () => {
    filter();
    tell();
  });

  document.getElementById("trials-clear").addEventListener("click", () => {
    words.value = status.value = "";
    only.checked = false;
    boxes.forEach((box) => (box.checked = true));
    selected.clear();
    mark();
    tell();
  });

  // The same criterion may be ticked above the figures and above the table.
  boxes.forEach((box) =>
    box.addEventListener("change", () => {
      boxes.filter((other) => other.dataset.criterion === box.dataset.criterion).forEach((other) => (other.checked = box.checked));
      filter();
    }),
  );
  [words, status, only].forEach((control) => control.addEventListener("input", filter));
  document.querySelectorAll("[data-script]").forEach((part) => (part.hidden = false));
  mark();
})();
