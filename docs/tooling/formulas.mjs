// Reads {tex, display} a line and answers each with {mathml} or {error}.
import { createInterface } from "node:readline";
import temml from "temml";

const macros = {};

for await (const line of createInterface({ input: process.stdin })) {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    const wrap = display ? "none" : "tex";
    answer = { mathml: temml.renderToString(tex, { displayMode: display, wrap, throwOnError: true, macros: { ...macros } }) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
