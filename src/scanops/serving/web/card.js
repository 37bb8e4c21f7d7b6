import { find, make, percent, readable, show } from "./dom.js";
import { heatMap } from "./heatmap.js";
import { preview } from "./service.js";
import { text } from "./text.js";

let made = 0;
// One after another: a folder of DICOM files is not to crowd out predictions.
let previews = Promise.resolve();

// One scan on the page: its card, and what is known of it. `state` is waiting, answered, silent or failed.
export function addCard(file, signal, changed) {
  made += 1;
  const card = make("li", "card waiting");
  card.id = `scan-${made}`;
  card.tabIndex = -1;
  const picture = make("div", "picture");
  const image = make("img");
  image.alt = text.previewOf(file.name);
  const body = make("div", "body");
  const name = make("h3", "name", file.name);
  name.id = `${card.id}-name`;
  name.title = file.name;
  card.setAttribute("aria-labelledby", name.id);
  const answer = make("div", "answer");
  body.append(name, answer);
  card.append(picture, body);
  const item = { card, picture, image, answer, file, signal, changed, state: "waiting", outcome: text.waiting };
  item.showPreview = () =>
    picture.replaceChildren(item.blind ? make("span", "no-preview", text.noPreview) : image);
  wait(item);
  show(image, file).then(
    () => changed(item),
    () => {
      // A format that the browser cannot show, such as DICOM, may still be one that the server reads.
      item.unshown = true;
      picture.replaceChildren();
      askForPreview(item);
    },
  );
  item.showPreview();
  find("list").prepend(card);
  return item;
}

function askForPreview(item) {
  if (!item.unshown || item.state === "waiting" || item.asked) return;
  if (item.state === "failed") {
    item.blind = true;
    item.showPreview();
    return;
  }
  item.asked = true;
  previews = previews.then(async () => {
    try {
      await show(item.image, await preview(item.file, item.signal));
      item.blind = false;
    } catch {
      item.blind = true; // its place says so; the answer beside it stands
    }
    if (!item.card.classList.contains("mapped")) item.showPreview();
    item.changed(item);
  });
}

function settle(item, state, outcome) {
  Object.assign(item, { state, outcome });
  item.card.classList.remove("waiting");
  item.card.classList.toggle("abstained", state === "silent");
  item.card.classList.toggle("failed", state === "failed");
  askForPreview(item);
  item.changed(item);
}

export function wait(item) {
  Object.assign(item, { state: "waiting", outcome: text.waiting });
  item.card.classList.remove("failed");
  item.card.classList.add("waiting");
  item.answer.replaceChildren(make("p", "verdict", text.waiting), make("div", "pulse"));
  item.changed(item);
}

export function showAnswer(item, answer, notice, hasMaps) {
  const told = make("p", "card-notice", notice);
  const classes = [bars(item.file.name, answer.probabilities)];
  if (hasMaps) classes.push(heatMap(item, answer));
  if (answer.abstained) {
    // The classes stay within reach, but nobody takes one for an answer at a glance.
    const more = make("details");
    more.append(make("summary", "", text.anyway), ...classes);
    more.addEventListener("toggle", () => {
      if (!more.open) more.querySelector("[aria-expanded=true]")?.click(); // its map is a part of it
    });
    item.answer.replaceChildren(
      make("p", "verdict", text.noAnswer),
      told,
      make("p", "advice", answer.advice),
      more,
    );
    settle(item, "silent", text.noAnswer);
    return;
  }
  const verdict = make("p", "verdict");
  const share = percent(answer.probabilities[answer.class]);
  verdict.append(make("span", "class", readable(answer.class)), " ", make("span", "share", share));
  item.answer.replaceChildren(verdict, told, ...classes);
  settle(item, "answered", `${readable(answer.class)} ${share}`);
}

// `retry` where the same request may be answered later.
export function showFault(item, detail, retry) {
  const parts = [make("p", "fault", retry ? text.unsent : text.unusable), make("p", "fault-detail", detail)];
  if (retry) {
    const button = make("button", "button quiet", text.again);
    button.type = "button";
    button.addEventListener("click", () => {
      item.card.focus();
      retry();
    });
    parts.push(button);
  }
  item.answer.replaceChildren(...parts);
  settle(item, "failed", parts[0].textContent);
}

function bars(name, probabilities) {
  const table = make("table", "bars");
  table.append(make("caption", "visually-hidden", text.probabilities(name)));
  const body = make("tbody");
  for (const [label, probability] of Object.entries(probabilities).sort((a, b) => b[1] - a[1])) {
    const row = make("tr");
    const head = make("th", "", readable(label));
    head.scope = "row";
    head.title = readable(label);
    const cell = make("td");
    const track = make("div", "track");
    const fill = make("div", "fill");
    fill.style.width = "0";
    requestAnimationFrame(() => (fill.style.width = `${probability * 100}%`));
    track.append(fill);
    track.setAttribute("aria-hidden", "true");
    cell.append(track);
    row.append(head, cell, make("td", "value", percent(probability)));
    body.append(row);
  }
  table.append(body);
  return table;
}
