// Prints what Hugging Face's own JavaScript tokenizer makes of texts: one JSON
// {"text", "ids"} a line, for every {"text"} on standard input.
//
//	npm install @huggingface/tokenizers@0.2.0
//	node reference.mjs tokenizer.json <texts.jsonl >ids.jsonl
//
// Control tokens that a text spells become control tokens, as with EncodeSpecial.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.cwd() + "/");
const { Tokenizer } = require("@huggingface/tokenizers");

const tokenizer = new Tokenizer(JSON.parse(readFileSync(process.argv[2], "utf8")), {});
for (const line of readFileSync(0, "utf8").split("\n")) {
  if (line === "") continue;
  const { text } = JSON.parse(line);
  const { ids } = tokenizer.encode(text, { add_special_tokens: false });
  process.stdout.write(JSON.stringify({ text, ids }) + "\n");
}
