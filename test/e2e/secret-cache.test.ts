import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";

import { extract } from "tar-stream";
import { expect, it, onTestFinished } from "vitest";

import { withSecretCache } from "../../src/build/secret-cache.ts";
import { digestKey } from "../../src/crypto/digest.ts";
import { Secret } from "../../src/secret/secret.ts";
import { fileSendService } from "../../src/session/filesend/service.ts";
import { tarStream } from "../../src/session/filesend/targets.ts";
import { BASE, theEngine } from "./build-harness.ts";
import { sessionBuild, type SessionBuilt } from "./session-build.ts";

/** The Dockerfile that `build` sends when the value of `token` decides. */
async function rewrite(
  dockerfile: string,
  secrets: Readonly<Record<string, string>>,
): Promise<Buffer> {
  using key = digestKey(Secret.take("key", Buffer.from("a private key")), "secret-cache");
  return await withSecretCache({
    dockerfile: Buffer.from(dockerfile),
    shown: "Dockerfile",
    marked: new Set(["token"]),
    key,
    open: async (id) =>
      secrets[id] === undefined ? null : Secret.take(id, Buffer.from(secrets[id])),
  });
}

interface Image {
  readonly layers: readonly string[];
  readonly history: readonly (string | undefined)[];
  /** How often the step ran: it asks once each time. */
  readonly runs: number;
}

async function imageOf(
  dockerfile: string | Buffer,
  secrets: Readonly<Record<string, string>>,
): Promise<Image> {
  const built: SessionBuilt = await sessionBuild({ dockerfile, secrets });
  expect(built.error).toBeNull();
  const engine = await theEngine();
  const id = built.imageId ?? "";
  onTestFinished(async () => engine.removeImage(id, { force: true }));
  const image = await engine.request<{ readonly RootFS: { readonly Layers: readonly string[] } }>(
    "GET",
    `/images/${id}/json`,
  );
  const history = (await engine.imageHistory(id)).map(({ CreatedBy }) => CreatedBy);
  const runs = built.asked.filter((name) => name === "token").length;
  return { layers: image.RootFS.Layers, history, runs };
}

/** Every file of the image with its mode and content, but without times. */
async function filesOf(
  dockerfile: string | Buffer,
  secrets: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const stream = new PassThrough();
  const tar = buffer(stream);
  const onFailure = (error: Error): void => expect.unreachable(error.message);
  const services = [fileSendService(new Map([[0, tarStream(stream)]]), { onFailure })];
  const outputs = [{ Type: "tar" }];
  const { error } = await sessionBuild({ dockerfile, secrets, services, outputs });
  expect(error).toBeNull();
  stream.end();
  const files: string[] = [];
  const reader = extract();
  reader.end(await tar);
  for await (const entry of reader) {
    const { name, mode, type, uid, gid, linkname } = entry.header;
    const content = (await buffer(entry)).toString("base64");
    files.push([name, mode, type, uid, gid, linkname, content].join(" "));
  }
  return files;
}

it("a step runs again when its secret changed, and only then", async () => {
  const mark = randomUUID();
  const random = "cat /proc/sys/kernel/random/uuid";
  const step = `RUN --mount=type=secret,id=token echo ${mark} && ${random} > /made`;
  const dockerfile = `FROM ${BASE}\n${step}\nRUN echo ${mark} && ${random} > /after\n`;
  const cached = async (secrets: Readonly<Record<string, string>>): Promise<Image> =>
    imageOf(await rewrite(dockerfile, secrets), secrets);

  // docker's own way: the second value is never seen
  const plain = await imageOf(dockerfile, { token: "one" });
  expect(plain.runs).toBe(1);
  expect(await imageOf(dockerfile, { token: "two" })).toEqual({ ...plain, runs: 0 });

  const one = await cached({ token: "one" });
  expect(one.runs).toBe(1);
  expect(one.history).toEqual(plain.history);
  expect(await cached({ token: "one" })).toEqual({ ...one, runs: 0 });
  const two = await cached({ token: "two" });
  expect([two.runs, two.layers.at(-2) === one.layers.at(-2)]).toEqual([1, false]);
  // the first value's result was kept
  expect(await cached({ token: "one" })).toEqual({ ...one, runs: 0 });
  // that an optional secret is not there is a value of its own
  const absent = await cached({});
  expect([one.layers, two.layers]).not.toContainEqual(absent.layers);
});

it("the step sees, and the image holds, the same as without", async () => {
  const look =
    "{ ls -l /run /run/secrets | grep -o ' root .*'; env; grep -c secrets /proc/mounts; }";
  const dockerfile =
    `FROM ${BASE}\nRUN --mount=type=secret,id=token,required --mount=type=secret,id=absent ` +
    `${look} | grep -v -e HOSTNAME -e : > /seen # ${randomUUID()}\n`;
  const secrets = { token: "one" };
  const plain = await filesOf(dockerfile, secrets);
  expect(plain.find((line) => line.startsWith("seen "))).toBeDefined();
  expect(await filesOf(await rewrite(dockerfile, secrets), secrets)).toEqual(plain);
});
