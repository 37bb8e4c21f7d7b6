import { text } from "./text.js";

export const find = (id) => document.getElementById(id);

export function make(tag, className, content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

// For screen readers: what happened elsewhere on the page.
export function say(words) {
  find("live").textContent = words;
}

export const readable = (label) => {
  const words = label.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export function percent(probability) {
  if (probability > 0 && probability < 0.001) return text.lessThan;
  if (probability < 1 && probability > 0.999) return text.moreThan;
  return text.percent((probability * 100).toFixed(1));
}

// Show a blob in an image. Once it is shown, or cannot be, its bytes need not stay in memory.
export function show(image, blob) {
  const address = URL.createObjectURL(blob);
  return new Promise((resolve, reject) => {
    const settle = (then) => () => {
      URL.revokeObjectURL(address);
      then(image);
    };
    image.onload = settle(resolve);
    image.onerror = settle(reject);
    image.src = address;
  });
}
