import { Readable } from "node:stream";
import { finished } from "node:stream/promises";

import Docker from "dockerode";
import { pack } from "tar-stream";
import { describe, expect, it } from "vitest";

import { attachSession } from "../../src/build/attach-session.ts";
import { engineHost } from "../engine/current.ts";
import { canary } from "../support/canary.ts";
import { parseJson } from "../support/json.ts";

/** A context of one Dockerfile. */
function contextOf(step: string): Readable {
  const tar = pack();
  tar.entry({ name: "Dockerfile" }, `FROM busybox:local\n${step}\n`);
  tar.finalize();
  return Readable.from(tar);
}

describe("attachSession", () => {
  it("gives a build of dockerode's a secret, and outlives health checks", async () => {
    const value = canary("attached");
    const docker = new Docker({ socketPath: new URL(engineHost()).pathname });
    const asked: string[] = [];
    const session = await attachSession(docker, {
      secrets: {
        async get(id) {
          asked.push(id);
          return Promise.resolve(id === "token" ? Buffer.from(value) : null);
        },
      },
    });
    try {
      const length = Buffer.byteLength(value);
      const step = `RUN --mount=type=secret,id=token,required sleep 6; test $(wc -c < /run/secrets/token) = ${length} # ${canary("step")}`;
      // dockerode's own types know neither of the two
      const options = { version: 2, session: session.id } as object;
      const answer = await docker.buildImage(contextOf(step), options);
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
      await finished(answer);
      const lines = text.trim().split("\n");
      const last = lines.map((line) => parseJson<{ error?: string; id?: string }>(line));
      expect(last.map(({ error }) => error).filter(Boolean)).toEqual([]);
      expect(last.some(({ id }) => id === "moby.image.id")).toBe(true);
      // newer engines ask for a login of the context's own URL, too
      expect(asked.filter((id) => !id.startsWith("HTTP_AUTH_"))).toEqual(["token"]);
    } finally {
      await session.close();
    }
    expect(await session.lost).toBeNull();
  });
});
