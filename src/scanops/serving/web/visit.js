import { find, make } from "./dom.js";
import { text } from "./text.js";

// The scans of this visit, in memory alone: the newest first, each a way to its card.
const entries = new Map();
const THUMB_PX = 80; // drawn at half of that, for dense screens

export function enter(item) {
  const link = make("a", "entry");
  link.href = `#${item.card.id}`;
  const thumb = make("canvas", "thumb");
  thumb.width = thumb.height = THUMB_PX;
  thumb.setAttribute("aria-hidden", "true");
  const words = make("span", "entry-words");
  const outcome = make("span", "entry-outcome");
  words.append(make("span", "entry-name", item.file.name), outcome);
  const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  link.append(thumb, words, make("time", "entry-time", time));
  const row = make("li");
  row.append(link);
  find("entries").prepend(row);
  entries.set(item, { link, thumb, outcome });
  update(item);
}

export function update(item) {
  const entry = entries.get(item);
  if (!entry) return;
  entry.outcome.textContent = item.outcome;
  entry.link.dataset.state = item.state;
  if (item.image.naturalWidth) drawThumb(entry.thumb, item.image);
  summarise();
}

export function forget() {
  entries.clear();
  find("entries").replaceChildren();
  summarise();
}

function drawThumb(thumb, image) {
  const side = Math.max(image.naturalWidth, image.naturalHeight);
  const [width, height] = [image.naturalWidth, image.naturalHeight].map((length) => (length / side) * THUMB_PX);
  const pen = thumb.getContext("2d");
  pen.clearRect(0, 0, THUMB_PX, THUMB_PX);
  pen.drawImage(image, (THUMB_PX - width) / 2, (THUMB_PX - height) / 2, width, height);
}

function summarise() {
  const counts = { total: entries.size, answered: 0, silent: 0, failed: 0, waiting: 0 };
  for (const item of entries.keys()) counts[item.state] += 1;
  const some = entries.size > 0;
  find("visit").hidden = !some;
  find("empty").hidden = some;
  find("counts").textContent = some ? text.counts(counts) : "";
}
