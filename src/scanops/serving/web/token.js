import { find, say } from "./dom.js";
import { setToken } from "./service.js";
import { text } from "./text.js";

// Where the service wants a token, the page asks for it once, and sends what was refused again.
let waiting = [];

export function askForToken(items) {
  waiting.push(...items);
  find("access").hidden = false;
  find("token").focus();
  say(text.needsToken);
}

export function takeToken(askAgain) {
  find("access").addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(find("token").value);
    find("token").value = "";
    find("access").hidden = true;
    const items = waiting;
    waiting = [];
    askAgain(items);
  });
}
