// The cats web app: says which secrets it was given, by fingerprint and never by value.
//
//   node server.js          serves GET / (the page) and GET /secrets (JSON) on PORT, 3000 by default
//   node server.js --print  prints the same list once, and ends
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { widget } from "@acme/widget";

/** Where the app expects its secrets: an environment variable each, or a file. */
const EXPECTED = [
  { name: "API_KEY", from: "environment", read: () => process.env.API_KEY },
  { name: "gcp.json", from: "file", read: () => readOptional("/run/secrets/gcp.json") },
];

function readOptional(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The first 12 hex digits of a value's SHA-256: enough to tell two values apart. */
function fingerprint(value) {
  return createHash("sha256").update(value).digest("hex").slice(0, 12);
}

function listSecrets() {
  return EXPECTED.map(({ name, from, read }) => {
    const value = read();
    return { name, from, sha256: value === undefined ? null : fingerprint(value) };
  });
}

function textOf(secrets) {
  return secrets
    .map(({ name, from, sha256 }) => `${name} (${from}): ${sha256 ?? "missing"}\n`)
    .join("");
}

function serve() {
  const server = createServer((request, response) => {
    if (request.url === "/secrets") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(listSecrets()));
    } else {
      response.setHeader("content-type", "text/plain; charset=utf-8");
      response.end(`${widget("cats")}\n${textOf(listSecrets())}`);
    }
  });
  server.listen(Number(process.env.PORT ?? 3000));
  // as PID 1 of a container it gets no default handlers
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.close());
}

if (process.argv.includes("--print")) process.stdout.write(textOf(listSecrets()));
else serve();
