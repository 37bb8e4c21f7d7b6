import { addCard, showAnswer, showFault, wait } from "./card.js";
import { find, make, say } from "./dom.js";
import { takeFiles } from "./intake.js";
import { groups, predict, version } from "./service.js";
import { text } from "./text.js";
import { askForToken, stopWaiting, takeToken } from "./token.js";
import { enter, forget, update } from "./visit.js";

let visit = new AbortController();
let hasMaps = false;

async function classify(files) {
  if (!files.length) return;
  // The newest group comes first, and within it the order chosen.
  const items = files.reverse().map((file) => addCard(file, visit.signal, update)).reverse();
  for (const item of [...items].reverse()) enter(item);
  say(text.announceBusy(items.length));
  if (matchMedia("(max-width: 56rem)").matches) find("results").scrollIntoView({ behavior: "smooth" });
  const known = showModel();
  for (const group of groups(items)) {
    await known;
    await ask(group);
  }
  if (visit.signal !== items[0].signal) return; // cleared meanwhile
  const failed = items.filter((item) => item.state === "failed").length;
  say(text.announceDone(items.length - failed, failed));
}

async function ask(items) {
  const { signal } = items[0];
  let body;
  try {
    body = await predict(
      items.map((item) => item.file),
      signal,
    );
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.token) askForToken(items);
    for (const item of items) showFault(item, error.message, error.again && (() => askAgain(item)));
    return;
  }
  for (const answer of body.files) {
    const item = items[answer.index];
    if (answer.error) showFault(item, answer.error.detail);
    else showAnswer(item, answer, body.notice, hasMaps);
  }
}

async function askAgain(item) {
  stopWaiting(item);
  wait(item);
  say(text.announceBusy(1));
  await ask([item]);
  say(text.announceDone(...(item.state === "failed" ? [0, 1] : [1, 0])));
}

// Files that the browser could not read have a card that says so, as those have that the server refused.
function tellUnread(names) {
  for (const name of names.reverse()) {
    const item = addCard(new File([], name), visit.signal, update);
    enter(item);
    showFault(item, text.unread);
  }
  say(text.announceUnread(names.length));
}

function clear() {
  visit.abort();
  visit = new AbortController();
  find("list").replaceChildren();
  forget();
  find("files").focus();
  say(text.announceClear);
}

async function showModel() {
  let running;
  try {
    running = await version();
  } catch {
    return; // the next scan asks again, and what is wrong is told in its place
  }
  hasMaps = running.heat_maps;
  find("notice").textContent = running.notice;
  const rows = [
    [text.architecture, running.model.architecture],
    [text.bundle, running.model.bundle_sha256.slice(0, 12)],
    [text.data, running.model.data_sha256.slice(0, 12)],
    [text.version, running.version],
    [text.commit, running.git_sha.slice(0, 12)],
  ].filter(([, value]) => value && value !== "unknown");
  find("model").replaceChildren(...rows.flatMap(([term, value]) => [make("dt", "", term), make("dd", "", value)]));
  find("model-box").hidden = false;
}

for (const element of document.querySelectorAll("[data-text]")) element.textContent = text[element.dataset.text];
document.title = `${text.title} · ${text.tagline}`;
find("clear").setAttribute("aria-label", text.clearLabel);
find("clear").addEventListener("click", clear);
takeFiles(classify, tellUnread);
takeToken((items) => items.filter((item) => item.signal === visit.signal).forEach(askAgain));
showModel();
