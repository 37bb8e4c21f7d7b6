import { find, make, readable, say, show } from "./dom.js";
import { explain } from "./service.js";
import { text } from "./text.js";

// What the reader chose last holds for the next map too.
let opacity = 80;

// A button that shows where the evidence lies, and what it opens.
export function heatMap(item, answer) {
  const panel = make("div", "map-panel");
  panel.id = `${item.card.id}-map`;
  find(panel.id)?.remove(); // of an earlier answer
  panel.hidden = true;
  const toggle = make("button", "button quiet map-toggle", text.showMap);
  toggle.type = "button";
  toggle.setAttribute("aria-expanded", "false");
  toggle.setAttribute("aria-controls", panel.id);
  const stack = make("div", "stack");
  const state = { item, panel, stack, label: answer.class, drawn: new Map() };
  const status = make("p", "map-status");
  const caption = make("p", "map-note");
  Object.assign(state, { status, caption });
  panel.append(classField(state, Object.keys(answer.probabilities)), opacityField(state), legend());
  panel.append(status, caption);
  item.card.append(panel);
  toggle.addEventListener("click", () => {
    const open = toggle.getAttribute("aria-expanded") !== "true";
    toggle.setAttribute("aria-expanded", String(open));
    toggle.textContent = open ? text.hideMap : text.showMap;
    panel.hidden = !open;
    item.card.classList.toggle("mapped", open);
    if (open) draw(state);
    else item.showPreview();
  });
  return toggle;
}

async function draw(state) {
  const { item, label, drawn, status } = state;
  status.classList.remove("fault-text");
  applyOpacity(state);
  if (!drawn.has(label)) {
    status.textContent = text.mapLoading;
    try {
      const found = await explain(item.file, label, item.signal);
      const images = await Promise.all([show(make("img"), found.picture), show(make("img", "heat"), found.overlay)]);
      drawn.set(label, images);
    } catch (error) {
      if (error.name === "AbortError" || label !== state.label) return;
      status.textContent = error.message || text.unreachable;
      status.classList.add("fault-text");
      say(status.textContent);
      return;
    }
  }
  // Another class may have been chosen meanwhile, or the map been closed.
  if (label !== state.label || state.panel.hidden) return;
  const [seen, heat] = drawn.get(label);
  seen.alt = text.mapSeen(seen.naturalWidth);
  heat.alt = text.mapOf(readable(label));
  status.textContent = "";
  state.caption.textContent = text.mapNote(seen.naturalWidth);
  state.stack.replaceChildren(seen, heat);
  applyOpacity(state);
  item.picture.replaceChildren(state.stack);
  say(text.announceMap(readable(label)));
}

function applyOpacity({ slider, shown, stack }) {
  slider.value = opacity;
  shown.textContent = text.percent(opacity);
  slider.setAttribute("aria-valuetext", shown.textContent);
  for (const heat of stack.querySelectorAll(".heat")) heat.style.opacity = String(opacity / 100);
}

function classField(state, labels) {
  const field = make("div", "field");
  const head = make("label", "", text.mapClass);
  const select = make("select");
  select.id = `${state.panel.id}-class`;
  head.htmlFor = select.id;
  for (const label of labels) {
    const option = make("option", "", readable(label));
    option.value = label;
    option.selected = label === state.label;
    select.append(option);
  }
  select.addEventListener("change", () => {
    state.label = select.value;
    draw(state);
  });
  field.append(head, select);
  return field;
}

function opacityField(state) {
  const field = make("div", "field");
  const head = make("label", "", text.mapOpacity);
  const slider = make("input");
  const shown = make("span", "number");
  Object.assign(slider, { id: `${state.panel.id}-opacity`, type: "range", min: 0, max: 100, step: 5 });
  slider.setAttribute("aria-label", text.mapOpacityLabel);
  head.htmlFor = slider.id;
  shown.setAttribute("aria-hidden", "true"); // the slider itself says it
  slider.addEventListener("input", () => {
    opacity = Number(slider.value);
    applyOpacity(state);
  });
  Object.assign(state, { slider, shown });
  field.append(head, shown, slider);
  return field;
}

function legend() {
  const field = make("div", "field");
  const scale = make("span", "scale");
  field.append(make("span", "label", text.mapNone), make("span", "label", text.mapMost), scale);
  return field;
}
