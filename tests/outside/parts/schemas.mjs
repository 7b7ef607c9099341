// Every schema of an event, compiled strictly; then the events on standard input: [{"name", "detail"}].
import { readFileSync, readdirSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";

const folder = process.argv[2];
const ajv = new Ajv({ strict: true, strictTypes: true, strictRequired: true, allErrors: true });
formats(ajv);
const checks = Object.fromEntries(
  readdirSync(folder).map((file) => [file.replace(".json", ""), ajv.compile(JSON.parse(readFileSync(`${folder}/${file}`)))]),
);
const wrong = JSON.parse(readFileSync(0)).flatMap(({ name, detail }) => (checks[name](detail) ? [] : checks[name].errors));
console.log(JSON.stringify({ schemas: Object.keys(checks).sort(), wrong }));
