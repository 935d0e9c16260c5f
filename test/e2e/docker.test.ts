import { PassThrough } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";

import { extract, pack } from "tar-stream";
import { describe, expect, it } from "vitest";

import { demux } from "../../src/docker/demux.ts";
import type { Engine } from "../../src/docker/engine.ts";
import { engineVersion } from "../engine/current.ts";
import { sizeOtherThan } from "../support/terminal.ts";
import { theEngine } from "./build-harness.ts";

const IMAGE = "busybox:local";
const name = (what: string): string => `smtest-docker-${process.pid}-${what}`;

/** A container that is gone at the end, whatever happens. */
async function container(
  what: string,
  body: object,
): Promise<{ readonly id: string; readonly engine: Engine } & AsyncDisposable> {
  const engine = await theEngine();
  const id = await engine.createContainer(name(what), { Image: IMAGE, ...body });
  return { id, engine, [Symbol.asyncDispose]: async () => engine.removeContainer(id) };
}

describe("the engine", () => {
  it("tells its version, and the API version fits it", async () => {
    const { version } = await theEngine();
    expect(version.engine).toContain((await engineVersion()).text.split("+")[0]);
    expect(Number(version.api.split(".")[1])).toBeGreaterThanOrEqual(41);
    expect(version).toMatchObject({ os: "linux" });
    expect((await (await theEngine()).info()).ServerVersion).toBe(version.engine);
  });
});

describe("containers", () => {
  it("attach, start, wait: both outputs apart, stdin passed on, exit code", async () => {
    const Cmd = ["sh", "-c", "read line; echo out $line; echo err $line >&2; exit 7"];
    await using made = await container("io", {
      Cmd,
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const { engine, id } = made;
    const wait = await engine.openWait(id, "next-exit");
    const socket = await engine.attachContainer(id, { stdin: true, stdout: true, stderr: true });
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const texts = Promise.all([text(stdout), text(stderr)]);
    const pumped = pipeline(socket, demux({ stdout, stderr }));
    await engine.startContainer(id);
    socket.write("cat\n");
    expect(await wait.exitCode()).toBe(7);
    await pumped;
    stdout.end();
    stderr.end();
    expect(await texts).toEqual(["out cat\n", "err cat\n"]);
    expect((await engine.inspectContainer(id)).State).toMatchObject({
      Running: false,
      ExitCode: 7,
    });
  });

  it("kill passes a signal on; wait may come late; a label finds it", async () => {
    const Labels = { "smtest.docker": String(process.pid) };
    await using made = await container("kill", { Cmd: ["sleep", "60"], Labels });
    const { engine, id } = made;
    await engine.startContainer(id);
    const found = await engine.listContainers(`smtest.docker=${process.pid}`);
    expect(found.map((one) => one.Id)).toEqual([id]);
    await engine.killContainer(id, "KILL");
    expect(await engine.waitContainer(id)).toBe(137);
  });

  it("a terminal has a size", async () => {
    const Cmd = ["sh", "-c", sizeOtherThan("")];
    await using made = await container("tty", { Cmd, Tty: true, AttachStdout: true });
    const { engine, id } = made;
    const socket = await engine.attachContainer(id, { stdout: true });
    await engine.startContainer(id);
    await engine.resizeContainer(id, { h: 33, w: 77 });
    expect((await text(socket)).trim()).toBe("33 77");
  });

  it("archives go in and out; a path that is not there is null", async () => {
    await using made = await container("archive", { Cmd: ["true"] });
    const { engine, id } = made;
    const tar = pack();
    tar.entry({ name: "f", mode: 0o640 }, "content");
    tar.finalize();
    await engine.putArchive(id, "/tmp", await buffer(tar));
    expect(await engine.headArchive(id, "/tmp/f")).toMatchObject({
      name: "f",
      size: 7,
      mode: 0o640,
    });
    expect(await engine.headArchive(id, "/tmp/nope")).toBeNull();
    const reader = extract();
    reader.end(await buffer(await engine.getArchive(id, "/tmp/f")));
    const names: string[] = [];
    for await (const entry of reader) {
      names.push(entry.header.name);
      entry.resume();
    }
    expect(names).toEqual(["f"]);
  });

  it("a name in use is refused with its status; removing twice is fine", async () => {
    await using made = await container("twice", { Cmd: ["true"] });
    const { engine, id } = made;
    const again = engine.createContainer(name("twice"), { Image: IMAGE });
    await expect(again).rejects.toMatchObject({ code: "DOCKER_REFUSED", status: 409 });
    await engine.removeContainer(id);
    await engine.removeContainer(id);
  });

  it("an image that is not there", async () => {
    const engine = await theEngine();
    const creating = engine.createContainer(name("none"), { Image: "smtest-nope:1" });
    await expect(creating).rejects.toMatchObject({ code: "IMAGE_MISSING", exitCode: 6 });
  });
});

describe("images and volumes", () => {
  it("inspect, history, tag, save, remove", async () => {
    const engine = await theEngine();
    const tag = name("image");
    await engine.tagImage(IMAGE, tag, "1");
    const image = await engine.inspectImage(`${tag}:1`);
    expect(image?.RepoTags).toContain(`${tag}:1`);
    expect((await engine.imageHistory(`${tag}:1`)).length).toBeGreaterThan(0);
    expect((await buffer(await engine.saveImage(`${tag}:1`))).length).toBeGreaterThan(100_000);
    await engine.removeImage(`${tag}:1`);
    expect(await engine.inspectImage(`${tag}:1`)).toBeNull();
    await engine.removeImage(`${tag}:1`);
  });

  it("volumes by label", async () => {
    const engine = await theEngine();
    const Name = name("volume");
    const Labels = { "smtest.docker": Name };
    expect(await engine.createVolume({ Name, Labels })).toBe(Name);
    expect((await engine.listVolumes(`smtest.docker=${Name}`)).map((one) => one.Name)).toEqual([
      Name,
    ]);
    await engine.removeVolume(Name);
    await engine.removeVolume(Name);
    expect(await engine.listVolumes(`smtest.docker=${Name}`)).toEqual([]);
  });
});
