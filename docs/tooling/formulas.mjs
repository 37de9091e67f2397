// Reads {tex, display} a line and answers each with {mathml} or {error}.
import { createInterface } from "node:readline";
import temml from "temml";

const ALONE = /^<mrow>(<mo[^>]*>[^<]*<\/mo>)<\/mrow>$/;

// A formula in the text may break between its parts. An operator that is a part of its own has no space around it: it joins the part before.
function joined(mathml) {
  const parts = [""];
  let depth = 0;
  for (const piece of mathml.slice("<math>".length, -"</math>".length).match(/<[^>]+>[^<]*/g)) {
    depth += piece.startsWith("</") ? -1 : 1;
    parts[parts.length - 1] += piece;
    if (depth === 0) parts.push("");
  }
  const rows = [];
  for (const part of parts.slice(0, -1)) {
    const operator = part.match(ALONE)?.[1];
    if (operator && rows.at(-1)?.endsWith("</mrow>")) rows.push(rows.pop().replace(/<\/mrow>$/, `${operator}</mrow>`));
    else rows.push(part);
  }
  return `<math>${rows.join("")}</math>`;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    const wrap = display ? "none" : "tex";
    const mathml = temml.renderToString(tex, { displayMode: display, wrap, throwOnError: true });
    answer = { mathml: display ? mathml : joined(mathml) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
