import { describe, expect, it, onTestFinished } from "vitest";

import { Engine } from "../../../src/docker/engine.ts";
import { DockerError } from "../../../src/errors.ts";
import { chooseFor, type Choice } from "../../../src/run/delivery/choose.ts";
import {
  memoryOf,
  mountError,
  MountRefusedError,
  noteRefusal,
} from "../../../src/run/delivery/memory.ts";
import { fakeEngine } from "../session/fake-engine.ts";

const ROOTLESS = ["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"];
const REMAPPED = ["name=seccomp,profile=builtin", "name=userns"];

/** An engine on such a kernel, with these security options and components. */
async function engineWith(
  kernel: string,
  options: readonly string[] = [],
  components: readonly string[] = ["Engine", "containerd"],
): Promise<Engine> {
  const Components = components.map((Name) => ({ Name, Version: "1.1.0" }));
  const fake = await fakeEngine({
    version: { KernelVersion: kernel, Components },
    handle: (_request, response) => {
      response.end(JSON.stringify({ ID: "x", DockerRootDir: "/x", SecurityOptions: options }));
    },
  });
  onTestFinished(async () => fake[Symbol.asyncDispose]());
  return Engine.connect(fake.endpoint);
}

describe("memoryOf", () => {
  it.each([
    ["6.18.5", [], "tmpfs"],
    ["6.4.0-rc1", [], "tmpfs"],
    ["10.0", null, "tmpfs"],
    ["", undefined, "tmpfs"],
    ["6.3.13-200.fc38.x86_64", [], "ramfs"],
    ["5.15.153.1-microsoft-standard-WSL2", undefined, "ramfs"],
    ["6.18.5", REMAPPED, "tmpfs"],
    ["6.18.5", ROOTLESS, "ramfs"],
  ] as const)("Linux %j with %o: %s", async (kernel, options, memory) => {
    expect(memoryOf(await engineWith(kernel), options)).toBe(memory);
  });

  it("is ramfs for an engine whose version names rootlesskit, before its info is asked for", async () => {
    expect(memoryOf(await engineWith("6.18.5", [], ["Engine", "rootlesskit"]))).toBe("ramfs");
  });

  it("is ramfs from the first refusal on, for that engine alone", async () => {
    const engine = await engineWith("6.18.5");
    noteRefusal(engine);
    expect(memoryOf(engine)).toBe("ramfs");
    expect(memoryOf(await engineWith("6.18.5"))).toBe("tmpfs");
  });
});

describe("chooseFor", () => {
  const choose = async (engine: Engine, asked: "auto" | "volume"): Promise<Choice> =>
    chooseFor({ engine, env: {}, asked, owners: [], userns: undefined });

  it.each([
    ["rootless", ROOTLESS, "ramfs"],
    ["userns-remap", REMAPPED, "tmpfs"],
  ] as const)("%s: a volume, of %s at once", async (_title, options, memory) => {
    const engine = await engineWith("6.18.5", options);
    expect(await choose(engine, "auto")).toEqual({ kind: "volume", memory });
  });

  it("asks nothing where nothing has to be asked", async () => {
    const engine = await engineWith("6.18.5", ROOTLESS);
    expect(await choose(engine, "volume")).toEqual({ kind: "volume", memory: "tmpfs" });
  });
});

describe("mountError", () => {
  const refused = (message: string): DockerError =>
    new DockerError("DOCKER_REFUSED", message, { status: 500, hint: "look" });

  it("tells a refused option apart, with all that the engine said", () => {
    const error = mountError(refused("mount tmpfs:/x, data: noswap: invalid argument"));
    expect(error).toBeInstanceOf(MountRefusedError);
    expect(error).toMatchObject({ code: "DOCKER_REFUSED", status: 500, hint: "look" });
    expect(error).toHaveProperty("message", expect.stringContaining("data: noswap"));
  });

  it.each([
    refused("no space left on device"),
    new DockerError("DOCKER_UNREACHABLE", "invalid argument"),
    new Error("invalid argument"),
    undefined,
  ])("passes on %s", (error) => {
    expect(mountError(error)).toBe(error);
  });
});
