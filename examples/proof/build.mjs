// Makes the page of the site. `--cache FOLDER` keeps what the service was asked, as many tools do.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const token = readFileSync("/run/secrets/cms-token", "utf8").trim();
const request = {
  url: "https://cms.example/texts",
  headers: { accept: "application/json", authorization: `Bearer ${token}` },
};

/** In place of `fetch(request)`: an example has no service to ask. */
function texts() {
  return { title: "Cats", text: "All of them." };
}

const { title, text } = texts();
writeFileSync("index.html", `<!doctype html><title>${title}</title><p>${text}</p>\n`);

const [option, folder] = process.argv.slice(2);
if (option === "--cache") {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/requests.json.gz`, gzipSync(JSON.stringify([request])));
}
