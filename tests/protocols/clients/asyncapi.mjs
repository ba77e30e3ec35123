// The document of the plain envelope, fetched and read as others read it, and what the authors of AsyncAPI say of its shape.
import { createRequire } from "node:module";
import { parse } from "yaml";
import { config, tell } from "./telling.mjs";

const answer = await fetch(config.url);
const text = await answer.text();
tell({ type: answer.headers.get("content-type"), text });
for (const version of ["1.1", "1.2"]) tell({ document: parse(text, { version, strict: true }) });
tell({ schema: createRequire(import.meta.url)("@asyncapi/specs").schemasWithoutId["3.0.0"] });
