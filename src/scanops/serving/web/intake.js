import { find } from "./dom.js";
import { text } from "./text.js";

// Every way in which scans come: chosen, pasted, dropped; folders are walked.
export function takeFiles(classify) {
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
  takeDrops(classify);
}

// The whole window takes a drop: one that misses the box would replace the page.
function takeDrops(classify) {
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
    const files = (await Promise.all(found.map(walk))).flat();
    classify(files);
  });
}

async function walk(entry) {
  if (!entry || entry instanceof File) return entry ? [entry] : [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const inside = [];
  // A reader gives a part of a folder at a time, and nothing at its end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    inside.push(...some);
  }
  inside.sort((a, b) => a.name.localeCompare(b.name));
  return (await Promise.all(inside.map(walk))).flat();
}
