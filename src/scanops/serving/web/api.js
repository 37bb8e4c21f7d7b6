// Shows the OpenAPI document. Everything is set as text, so nothing in the document can become markup.
import { api as text } from "./text.js";

const main = document.getElementById("api");

function element(name, words, className) {
  const made = document.createElement(name);
  if (words !== undefined) made.textContent = words;
  if (className) made.className = className;
  return made;
}

function block(title, value) {
  const details = element("details");
  const pre = element("pre", typeof value === "string" ? value : JSON.stringify(value, null, 2));
  pre.tabIndex = 0; // so that it can be scrolled by keyboard
  details.append(element("summary", title), pre);
  return details;
}

function pairs(rows) {
  const list = element("dl");
  for (const [term, meaning] of rows) {
    const name = element("dt");
    name.append(element("code", term));
    list.append(name, element("dd", meaning));
  }
  return list;
}

// "A", "list of A": what a reader looks up among the schemas below.
function named(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.items) return text.listOf(named(schema.items));
  return schema.format ?? schema.type ?? text.any;
}

function contents(content = {}) {
  return Object.entries(content).flatMap(([type, { schema, example }]) => {
    const shown = [element("p", `${type}: ${named(schema)}`)];
    if (schema?.properties) shown.push(block(text.schema, schema));
    if (example !== undefined) shown.push(block(text.example, example));
    return shown;
  });
}

function operation(path, method, told) {
  const section = element("section");
  const heading = element("h2");
  heading.append(element("code", method.toUpperCase(), "method"), element("code", path));
  section.append(heading);
  if (told.description) section.append(element("p", told.description));
  if (told.security) section.append(element("p", text.needsToken));
  if (told.parameters) {
    const rows = told.parameters.map((one) => [one.name, `${one.in}. ${one.description ?? ""}`]);
    section.append(element("h3", text.parameters), pairs(rows));
  }
  if (told.requestBody) section.append(element("h3", text.body), ...contents(told.requestBody.content));
  const answers = Object.entries(told.responses);
  section.append(element("h3", text.answers), pairs(answers.map(([status, one]) => [status, one.description])));
  for (const [status, one] of answers) if (status < 400) section.append(...contents(one.content));
  return section;
}

async function show() {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const told = await answer.json();
  for (const [path, methods] of Object.entries(told.paths)) {
    for (const [method, one] of Object.entries(methods)) main.append(operation(path, method, one));
  }
  const schemas = element("section");
  schemas.append(element("h2", text.schemas));
  for (const [name, schema] of Object.entries(told.components.schemas)) schemas.append(block(name, schema));
  main.append(schemas);
}

show()
  .catch((error) => main.append(element("p", text.notShown(error.message))))
  .finally(() => main.setAttribute("aria-busy", "false"));
