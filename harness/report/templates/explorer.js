"use strict";
// The interactive figures: drawn by Bokeh from the data in the page, in its colours, and linked with the trials table.
(async () => {
  const holder = document.getElementById("explorer-data");
  if (!holder || !window.Bokeh) return;
  const { doc, roots, fields, looks } = JSON.parse(holder.textContent);
  document.getElementById("explorer").hidden = false;
  await Bokeh.embed.embed_items({ explorer: doc }, [{ docid: "explorer", roots, root_ids: Object.keys(roots) }]);
  const model = Bokeh.documents[Bokeh.documents.length - 1];
  const source = model.get_model_by_name("trials");
  const shown = model.get_model_by_name("shown");
  const figures = Object.keys(roots).map((id) => model.get_model_by_id(id));

  const paint = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [ink, soft, grid, paper, font] = ["--ink", "--soft", "--grid", "--paper", "--sans"].map(colour);
    const text = (part) => ({
      [`${part}_text_color`]: part === "axis_label" ? ink : soft,
      [`${part}_text_font`]: font,
    });
    figures.forEach((figure) => {
      figure.setv({ background_fill_color: paper, border_fill_color: paper, outline_line_color: grid });
      [...figure.below, ...figure.left].forEach((axis) =>
        axis.setv({
          ...text("axis_label"),
          ...text("major_label"),
          axis_line_color: grid,
          major_tick_line_color: grid,
        }),
      );
      figure.center.forEach((lines) => lines.setv({ grid_line_color: grid, grid_line_alpha: 0.6 }));
      figure.renderers.forEach((renderer) => renderer.selection_glyph.setv({ line_color: ink }));
    });
    source.data = { ...source.data, colour: source.data.look.map((place) => colour(looks[place])) };
  };

  // Criteria at one place are set slightly apart, as in the printed figures.
  const apart = (values) => {
    const places = [...new Set(values.filter(Number.isFinite))].sort((a, b) => a - b);
    const range = places.length > 1 ? places[places.length - 1] - places[0] : 1;
    const gaps = places.slice(1).map((place, number) => place - places[number]);
    const gap = Math.min(range / 8, Math.max(range / 40, ...(gaps.length ? [Math.min(...gaps)] : [])));
    return values.map((value, row) => value + (gap / 2) * (source.data.look[row] / looks.length - 0.5));
  };

  // A timing that is noisy or tainted is drawn hollow wherever an axis rests on it.
  const turn = (figure, number) => {
    const pick = (side) => document.getElementById(`explorer-${side}-${number}`).value;
    const [x, y] = [pick("x"), pick("y")];
    const timed = fields[x].timed || fields[y].timed;
    const data = source.data;
    source.data = {
      ...data,
      [`x_${number}`]: apart(Array.from(data[x])),
      [`y_${number}`]: Array.from(data[y]),
      [`alpha_${number}`]: Array.from(data.doubt, (doubt) => (timed && doubt ? 0 : 0.8)),
    };
    figure.below[0].axis_label = fields[x].label;
    figure.left[0].axis_label = fields[y].label;
  };

  figures.forEach((figure, number) => {
    ["x", "y"].forEach((side) =>
      document.getElementById(`explorer-${side}-${number}`).addEventListener("input", () => turn(figure, number)),
    );
  });

  // What is pointed at, or tapped: the first few of many marks at one place.
  const most = 3;
  const pointed = document.getElementById("explorer-pointed");
  const line = (name, text) => {
    const item = document.createElement("p");
    const strong = document.createElement("b");
    strong.textContent = name;
    item.append(strong, text);
    return item;
  };
  const point = (indices) => {
    if (!indices.length) return;
    const lines = indices
      .slice(0, most)
      .map((row) => line(source.data.trial[row], ` removed: ${source.data.removed[row]}; ${source.data.told[row]}`));
    if (indices.length > most) lines.push(line("", `and ${indices.length - most} more at this place`));
    pointed.replaceChildren(...lines);
    pointed.classList.add("told"); // from now on of one height, so that what follows stays in its place
  };
  const visible = (indices) => Array.from(indices).filter((row) => shown.booleans[row]);
  source.inspect.connect(() => point(visible(source.inspected.indices)));

  let told = "";
  source.selected.properties.indices.change.connect(() => {
    const indices = Array.from(source.selected.indices);
    if (String(indices) === told) return;
    told = String(indices);
    point(indices);
    document.dispatchEvent(new CustomEvent("figures-selected", { detail: indices }));
  });
  document.addEventListener("trials-selected", (event) => {
    told = String(event.detail);
    source.selected.indices = event.detail;
    point(event.detail);
  });
  document.addEventListener("trials-filtered", (event) => (shown.booleans = event.detail));

  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  figures.forEach(turn);
  paint();
  document.getElementById("explorer").dataset.ready = "yes";
  document.dispatchEvent(new CustomEvent("figures-ready"));
})();
