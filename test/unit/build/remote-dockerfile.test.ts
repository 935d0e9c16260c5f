import { createServer } from "node:http";

import { expect, it } from "vitest";

import { fetchDockerfile } from "../../../src/build/remote-dockerfile.ts";
import { listen } from "../../support/server.ts";

/** Answers by path: `/end/…` redirects without an end, `/to/PATH` once. */
async function serve(): Promise<string> {
  const server = createServer(({ url = "" }, response) => {
    if (url === "/Dockerfile") response.end("FROM there\n");
    else if (url === "/long") response.end(Buffer.alloc(1024 * 1024 + 1));
    else if (url.startsWith("/end")) response.writeHead(302, { Location: "/end" }).end();
    else if (url.startsWith("/to/")) response.writeHead(301, { Location: url.slice(3) }).end();
    else if (url === "/file") response.writeHead(302, { Location: "file:///etc/passwd" }).end();
    else response.writeHead(404).end();
  });
  return `http://127.0.0.1:${(await listen(server)).port}`;
}

it("a Dockerfile is fetched, also behind a redirect", async () => {
  const base = await serve();
  for (const path of ["/Dockerfile", "/to/Dockerfile"])
    expect((await fetchDockerfile(base + path, {})).toString()).toBe("FROM there\n");
});

it.each([
  ["/none", /was answered with 404/],
  ["/end", /redirected without an end/],
  ["/file", /is no http address/],
  ["/long", /can't be fetched/],
])("%s: %s", async (path, expected) => {
  const failing = fetchDockerfile((await serve()) + path, {});
  await expect(failing).rejects.toMatchObject({ code: "BUILD_DOCKERFILE" });
  await expect(failing).rejects.toThrow(expected);
});

it("an address with a login, or none at all, is refused, and not repeated", async () => {
  for (const address of ["http://u:canary-4711@127.0.0.1/", "http://[", "http://127.0.0.1:1/x"]) {
    const failing = fetchDockerfile(address, {});
    await expect(failing).rejects.toMatchObject({ code: "BUILD_DOCKERFILE" });
    await expect(failing).rejects.not.toThrow(/4711|127/);
  }
});
