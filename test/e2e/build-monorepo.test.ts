import { link, mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "vitest";

import type { BuildOptions } from "../../src/build/options.ts";
import { dockerCli, engineVersion } from "../engine/current.ts";
import { parseJson } from "../support/json.ts";
import type { World } from "../support/temp.ts";
import { BASE, built, secretsOf, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-monorepo-${process.pid}`;
const VALUE = "not looked at";

let world: World;
let mark: string;
/** `COPY --from=NAME` of a folder of its own: 20.10 has no named contexts. */
let named: boolean;
beforeEach(async () => {
  world = await worldWithImage(TAG);
  mark = `${process.pid}-${performance.now()}`;
  named = (await engineVersion()).atLeast(23, 0);
  await monorepo();
});

/** What teams have: packages, tools, things that are ignored and some of them not, odd names. */
async function monorepo(): Promise<void> {
  for (const name of ["api", "web", "shared-ui", "émoji-😀", "～wide"]) {
    const folder = `packages/${name}`;
    await world.write(`${folder}/package.json`, JSON.stringify({ name, mark }));
    await world.write(`${folder}/src/index.js`, `export default ${JSON.stringify(name)};\n`);
    await world.write(`${folder}/src/deep/er/still/deeper/leaf.js`, mark);
    await world.write(`${folder}/node_modules/dep/index.js`, "ignored");
    await world.write(`${folder}/dist/out.js`, "ignored");
    await world.write(`${folder}/.env`, "ignored");
    await mkdir(join(world.cwd, folder, "empty"));
  }
  await world.write("packages/api/dist/keep.js", "kept by an exception");
  await world.write("packages/a b,c/with space.txt", mark);
  await world.write("tools/run.sh", "#!/bin/sh\necho ran\n", 0o755);
  await link(join(world.cwd, "tools/run.sh"), join(world.cwd, "tools/0-also-run.sh"));
  await symlink("../packages/api/package.json", join(world.cwd, "tools/link"));
  await symlink("web", join(world.cwd, "packages/current"));
  await symlink("/nowhere", join(world.cwd, "tools/dangling"));
  await world.write("big.bin", Buffer.alloc(3_000_000, mark));
  await world.write(
    ".dockerignore",
    "**/node_modules\n**/dist\n!packages/api/dist/keep.js\n**/.env*\n*.md\n# no\n",
  );
  await world.write("README.md", "ignored");
  await world.write("../assets/logo.svg", `<svg>${mark}</svg>`);
  await world.write("../assets/not-used/x", "x");
  await world.write(
    "Dockerfile",
    [
      `FROM ${BASE} AS deps`,
      "WORKDIR /app",
      "COPY packages/*/package.json ./all/",
      `RUN --mount=type=secret,id=token test -s /run/secrets/token && echo ${mark} > /deps`,
      `FROM ${BASE} AS build`,
      "ARG MODE=debug",
      "COPY . /src",
      `RUN test "$(/src/tools/run.sh)" = ran && echo $MODE > /mode`,
      "FROM scratch",
      "COPY --from=deps /deps /app/all/ /app/",
      "COPY --from=build /src/packages /packages",
      "COPY --from=build /mode /src/tools/ /tools/",
      ...(named ? ["COPY --from=assets logo.svg /"] : []),
      "COPY packages/current/src /current/",
      "LABEL org.example.mark=x",
      "",
    ].join("\n"),
  );
}

interface Built {
  readonly imageId: unknown;
  readonly cached: number;
  /** Steps that did not come from the cache. */
  readonly ran: readonly string[];
}

/** Builds with sealmount. */
async function ours(): Promise<Built> {
  const o: Partial<BuildOptions> = {
    tags: [TAG],
    secrets: secretsOf({ token: VALUE }),
    buildArgs: ["MODE=release"],
    noCache: false,
    ...(named && { buildContexts: ["assets=../assets"] }),
  };
  const { result, events } = await built(world, o);
  const steps = new Map<string, boolean>();
  for (const event of events) {
    if (event.kind === "step" && event.completed !== undefined)
      steps.set(event.name, event.cached || steps.get(event.name) === true);
  }
  return { imageId: result.imageId, ...countsOf(steps) };
}

/** Builds with buildx. */
async function theirs(): Promise<Built> {
  const file = join(world.root, "buildx.json");
  const secret = await world.write("../token", VALUE);
  const flags = ["--secret", `id=token,src=${secret}`, "--build-arg", "MODE=release", "-t", TAG];
  const contexts = named ? ["--build-context", `assets=${world.root}/assets`] : [];
  const fixed = ["--network=none", "--provenance=false", "--progress=plain"];
  const command = ["buildx", "build", ...fixed, ...flags, ...contexts, "--metadata-file", file];
  const { code, stderr } = await dockerCli([...command, world.cwd]);
  if (code !== 0) throw new Error(stderr);
  const names = new Map<string, string>();
  const steps = new Map<string, boolean>();
  for (const [, number = "", text = ""] of stderr.matchAll(/^(#\d+) (.*)$/gm)) {
    if (text.startsWith("[")) names.set(number, text);
    else if (/^(?:CACHED|DONE)/.test(text)) steps.set(names.get(number) ?? "", text === "CACHED");
  }
  const metadata = parseJson<Record<string, unknown>>(await readFile(file, "utf8"));
  return { imageId: metadata["containerimage.digest"], ...countsOf(steps) };
}

function countsOf(steps: ReadonlyMap<string, boolean>): Pick<Built, "cached" | "ran"> {
  const real = [...steps].filter(([name]) => /\] (?:RUN|COPY|WORKDIR) /.test(name));
  return {
    cached: real.filter(([, cached]) => cached).length,
    ran: real.flatMap(([name, cached]) => (cached ? [] : [name])),
  };
}

describe("a monorepo: built by one, all cached for the other, and the same image", () => {
  it("buildx first", async () => {
    const first = await theirs();
    const second = await ours();
    expect(second).toMatchObject({ imageId: first.imageId, ran: [] });
    expect(second.cached).toBeGreaterThan(7);
  });

  it("sealmount first, and again after a change", async () => {
    const first = await ours();
    // what proves that "cached" is not said of everything
    expect(first.ran.length).toBeGreaterThan(3);
    expect(await theirs()).toMatchObject({ imageId: first.imageId, ran: [] });
    await world.write("packages/～wide/src/index.js", "changed");
    const changed = await ours();
    expect(changed.imageId).not.toBe(first.imageId);
    // the packages' own lists are as they were
    expect(changed.ran.some((step) => step.includes("COPY . /src"))).toBe(true);
    expect(changed.ran.filter((step) => step.includes("[deps "))).toEqual([]);
    expect(await theirs()).toMatchObject({ imageId: changed.imageId, ran: [] });
  });
});
