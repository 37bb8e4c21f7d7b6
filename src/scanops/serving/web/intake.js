import { find } from "./dom.js";
import { text } from "./text.js";

// Every way in which scans come: chosen, pasted, dropped; folders are walked.
export function takeFiles(classify, tellUnread) {
  find("files").addEventListener("change", (event) => {
    classify([...event.target.files]);
    event.target.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length) return;
    event.preventDefault();
    classify(pasted.map((file) => new File([file], file.name || text.pasted, { type: file.type })));
  });
  takeDrops(classify, tellUnread);
}

// The whole window takes a drop: one that misses the box would replace the page.
function takeDrops(classify, tellUnread) {
  const box = find("drop");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) box.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    box.classList.remove("over");
    // Before the first await: a drop gives its files away only while it is handled.
    const dropped = [...(event.dataTransfer?.items ?? [])].filter((item) => item.kind === "file");
    const found = dropped.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
    const unread = [];
    const files = (await Promise.all(found.map((entry) => walk(entry, unread)))).flat();
    classify(files);
    if (unread.length) tellUnread(unread);
  });
}

// The files below an entry; what cannot be read is named in `unread`, and spoils nothing else.
async function walk(entry, unread) {
  if (!entry || entry instanceof File) return entry ? [entry] : [];
  try {
    if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    const inside = await list(entry);
    return (await Promise.all(inside.map((one) => walk(one, unread)))).flat();
  } catch {
    unread.push(entry.name);
    return [];
  }
}

async function list(entry) {
  const reader = entry.createReader();
  const inside = [];
  // A reader gives a part of a folder at a time, and nothing at its end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    inside.push(...some);
  }
  return inside.sort((a, b) => a.name.localeCompare(b.name));
}
