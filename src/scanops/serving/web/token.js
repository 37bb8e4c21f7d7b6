import { find, say } from "./dom.js";
import { setToken } from "./service.js";
import { text } from "./text.js";

// Where the service wants a token, the page asks for it once, and sends what was refused again.
const waiting = new Set();

export function askForToken(items) {
  for (const item of items) waiting.add(item);
  find("access").hidden = false;
  find("token").focus();
  say(text.needsToken);
}

// It is asked on its own meanwhile: one answer is enough.
export function stopWaiting(item) {
  waiting.delete(item);
}

export function takeToken(askAgain) {
  find("access").addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(find("token").value);
    find("token").value = "";
    find("access").hidden = true;
    const items = [...waiting];
    waiting.clear();
    askAgain(items);
  });
}
