import { text } from "./text.js";

// Below the server's own bounds, so that a folder of scans goes as several requests and answers come early.
const FILES_PER_REQUEST = 8;
const BYTES_PER_REQUEST = 32 * 1024 * 1024;

const find = (id) => document.getElementById(id);
const drop = find("drop");
const list = find("list");

function make(tag, className, content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

function say(words) {
  find("live").textContent = words;
}

const readable = (name) => name.replaceAll("_", " ");

function percent(probability) {
  if (probability > 0 && probability < 0.001) return text.lessThan;
  if (probability < 1 && probability > 0.999) return text.moreThan;
  return text.percent((probability * 100).toFixed(1));
}

function addCard(file) {
  const card = make("li", "card waiting");
  const picture = make("div", "picture");
  const preview = make("img");
  preview.alt = text.previewOf(file.name);
  const url = URL.createObjectURL(file);
  // Once it is shown, or cannot be, the file's bytes need not stay in memory.
  preview.onload = () => URL.revokeObjectURL(url);
  // A format that the browser cannot show, such as DICOM, may still be one that the server reads.
  preview.onerror = () => {
    URL.revokeObjectURL(url);
    picture.replaceChildren(make("span", "no-preview", text.noPreview(file.name)));
  };
  preview.src = url;
  picture.append(preview);
  const body = make("div", "body");
  const name = make("h3", "name", file.name);
  name.title = file.name;
  const answer = make("div", "answer");
  answer.append(make("p", "verdict", text.waiting), make("div", "pulse"));
  body.append(name, answer);
  card.append(picture, body);
  list.prepend(card);
  return { card, answer, file };
}

function bars(name, probabilities) {
  const table = make("table", "bars");
  table.append(make("caption", "visually-hidden", text.probabilities(name)));
  const body = make("tbody");
  for (const [label, probability] of Object.entries(probabilities).sort((a, b) => b[1] - a[1])) {
    const row = make("tr");
    const head = make("th", "", readable(label));
    head.scope = "row";
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

function showAnswer(item, answer, notice) {
  item.card.classList.remove("waiting");
  if (answer.abstained) {
    item.card.classList.add("abstained");
    // The classes stay within reach, but nobody takes one for an answer at a glance.
    const more = make("details");
    more.append(make("summary", "", text.anyway), bars(item.file.name, answer.probabilities));
    item.answer.replaceChildren(
      make("p", "verdict", text.noAnswer),
      make("p", "advice", answer.advice),
      more,
      make("p", "card-notice", notice),
    );
    return;
  }
  const verdict = make("p", "verdict");
  const share = percent(answer.probabilities[answer.class]);
  verdict.append(make("span", "class", readable(answer.class)), make("span", "share", share));
  item.answer.replaceChildren(
    verdict,
    bars(item.file.name, answer.probabilities),
    make("p", "card-notice", notice),
  );
}

function showFault(item, detail) {
  item.card.classList.remove("waiting");
  item.card.classList.add("failed");
  item.answer.replaceChildren(make("p", "fault", text.unusable), make("p", "", detail));
}

function* requests(items) {
  let group = [];
  let bytes = 0;
  for (const item of items) {
    const full = group.length === FILES_PER_REQUEST || bytes + item.file.size > BYTES_PER_REQUEST;
    if (group.length && full) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(item);
    bytes += item.file.size;
  }
  if (group.length) yield group;
}

async function ask(items) {
  const form = new FormData();
  // The name stays here: people put patients' names in it, and the server has no use for it.
  for (const item of items) form.append("files", item.file, "scan");
  let response;
  let body;
  try {
    response = await fetch("/v1/predict", { method: "POST", body: form });
    body = await response.json();
  } catch {
    items.forEach((item) => showFault(item, text.unreachable));
    return 0;
  }
  if (!body.files) {
    const detail = response.status === 503 ? text.loading : text.refused(response.status, body.detail);
    items.forEach((item) => showFault(item, detail));
    return 0;
  }
  for (const answer of body.files) {
    const item = items[answer.index];
    if (answer.error) showFault(item, answer.error.detail);
    else showAnswer(item, answer, body.notice);
  }
  return body.files.filter((answer) => !answer.error).length;
}

async function classify(files) {
  const chosen = [...files];
  if (!chosen.length) return;
  find("empty").hidden = true;
  find("clear").hidden = false;
  // The newest group comes first, and within it the order chosen.
  const items = chosen.reverse().map(addCard).reverse();
  say(text.announceBusy(items.length));
  if (matchMedia("(max-width: 56rem)").matches) find("results").scrollIntoView({ behavior: "smooth" });
  let done = 0;
  for (const group of requests(items)) done += await ask(group);
  say(text.announceDone(done, items.length - done));
}

function clear() {
  for (const preview of list.querySelectorAll("img")) URL.revokeObjectURL(preview.src); // not yet shown
  list.replaceChildren();
  find("empty").hidden = false;
  find("clear").hidden = true;
  find("files").focus();
  say(text.announceClear);
}

async function showModel() {
  const response = await fetch("/version");
  if (!response.ok) return;
  const version = await response.json();
  find("notice").textContent = version.notice;
  const rows = [
    [text.architecture, version.model.architecture],
    [text.bundle, version.model.bundle_sha256.slice(0, 12)],
    [text.data, version.model.data_sha256.slice(0, 12)],
    [text.version, version.version],
    [text.commit, version.git_sha.slice(0, 12)],
  ].filter(([, value]) => value && value !== "unknown");
  find("model").replaceChildren(...rows.flatMap(([term, value]) => [make("dt", "", term), make("dd", "", value)]));
}

for (const element of document.querySelectorAll("[data-text]")) element.textContent = text[element.dataset.text];
document.title = `${text.title} · ${text.tagline}`;

find("files").addEventListener("change", (event) => {
  classify(event.target.files);
  event.target.value = ""; // the same file may be chosen again
});
find("clear").addEventListener("click", clear);
document.addEventListener("paste", (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])];
  if (!pasted.length) return;
  event.preventDefault();
  classify(pasted.map((file) => new File([file], file.name || text.pasted, { type: file.type })));
});
// The whole window takes a drop: one that misses the box would replace the page.
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  classify(event.dataTransfer?.files ?? []);
});
showModel().catch(() => {});
