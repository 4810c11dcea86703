// Starts dynalite on a free port of 127.0.0.1: `node dynalite.mjs FOLDER`, the folder in which it is installed.
// Prints the endpoint when it can be reached, and runs until it is ended.

import { createRequire } from "node:module";
import { resolve } from "node:path";

const folder = process.argv[2];
if (!folder) {
  console.error("usage: node dynalite.mjs FOLDER");
  process.exit(2);
}
const dynalite = createRequire(resolve(folder, "package.json"))("dynalite");
// Changing a table takes its time, as on AWS, so that whoever doesn't wait for it is found out.
const server = dynalite({ createTableMs: 50, updateTableMs: 1000, deleteTableMs: 50 });
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
