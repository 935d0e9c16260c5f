import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { dockerCli, dockerOut, engineHost } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { cliCommand, sealmountOut } from "../support/cli.ts";
import { parseJson } from "../support/json.ts";
import { type Ran, run } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { faultsOf } from "../unit/verify/report/sarif-form.ts";
import { pushRegistry, type PushRegistry } from "./push-registry.ts";

/** The example as its README has it, and its pipelines with nothing but the key. */

const EXAMPLE = join(import.meta.dirname, "..", "..", "examples", "proof");
/** Letters and digits, as tokens are: no form of them but the value itself is in JSON. */
const plain = (name: string): string => canary(name).replaceAll(/[^\w-]/g, "");
const password = plain("login");
const token = plain("token");

/** A line of a shell, and what it did. */
interface Line {
  readonly line: string;
  readonly ran: Ran;
}

let world: World;
let registry: PushRegistry;
let env: Readonly<Record<string, string>>;
let page: string;
const typed: Line[] = [];

async function shell(line: string, o: Readonly<Record<string, string>>): Promise<Line> {
  return { line, ran: await run("bash", ["-c", line], { env: o, cwd: world.cwd }) };
}

beforeAll(async () => {
  registry = await pushRegistry(password);
  world = await makeWorld();
  await cp(EXAMPLE, world.cwd, { recursive: true });
  // a step from the cache would have another run's token in its layer
  const build = await readFile(join(EXAMPLE, "build.mjs"), "utf8");
  await world.write("build.mjs", `// ${canary("step")}\n${build}`);
  await world.write("bin/sealmount", `#!/bin/sh\nexec ${cliCommand().join(" ")} "$@"\n`, 0o755);
  env = {
    ...world.env,
    CMS_TOKEN: token,
    DOCKER_HOST: engineHost(),
    PATH: `${world.cwd}/bin:${world.env["PATH"]}`,
  };
  page = await readFile(join(EXAMPLE, "README.md"), "utf8");
  for (const line of blockOf("sh").split("\n")) typed.push(await shell(line, env));
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", "site", "site-leaky", "site:next"]);
  await registry[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** The first fenced block of that language. */
function blockOf(language: string): string {
  const block = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(page)?.[1];
  if (block === undefined) throw new Error(`the example has no block of ${language}`);
  return block.trimEnd();
}

function ranOf(words: string): Ran {
  const found = typed.find(({ line }) => line.includes(words));
  if (found === undefined) throw new Error(`the example has no line with ${words}`);
  return found.ran;
}

describe("examples/proof", () => {
  it("IT12: each line ends as it says, and none prints a secret", () => {
    const wanted = typed.map(({ line }) => [line, Number(/# exit (\d)/.exec(line)?.[1] ?? 0)]);
    expect(typed.map(({ line, ran }) => [line, ran.code])).toEqual(wanted);
    expect(typed.filter(({ ran }) => ran.code === 8)).toHaveLength(2);
    const printed = Buffer.concat(typed.map(({ ran }) => ran.bytes));
    expect(leaksIn(printed, [token])).toEqual([]);
  });

  it("IT12: the report is the page's", () => {
    const { stdout } = ranOf("-o leaks.xml");
    const shown = stdout.replaceAll(/sha256:[0-9a-f]{12}\b/g, "sha256:…");
    expect(shown).toContain(`${blockOf("text")}\n`);
  });

  it("IT12: SARIF and JUnit name the file in the compressed one", async () => {
    const [sarif, junit] = await Promise.all(
      ["leaks.sarif", "leaks.xml"].map(async (name) => readFile(join(world.cwd, name), "utf8")),
    );
    expect(faultsOf(parseJson(sarif ?? ""))).toEqual([]);
    expect(sarif).toContain('"uri": "site/.cache/requests.json.gz!"');
    expect(junit).toMatch(/<failure message="[^"]*\/site\/\.cache\/requests\.json\.gz!/);
    expect(leaksIn(`${sarif}${junit}`, [token])).toEqual([]);
  });

  it("IT12: an image that leaks gets no name, a clean one runs", async () => {
    expect((await dockerCli(["image", "inspect", "site:next"])).code).toBe(1);
    expect(await dockerOut(["run", "--rm", "--network", "none", "site"])).toContain("All of them.");
  });
});

describe.each([".github/workflows/image.yml", ".gitlab-ci.yml"])("the pipeline %s", (file) => {
  let clean: string;
  let at: Readonly<Record<string, string>>;
  const name = `acme/${file.includes("gitlab") ? "gitlab" : "github"}`;

  beforeAll(async () => {
    const key = (await sealmountOut(["key", "export"], { cwd: world.cwd, env })).trim();
    const login = ["set", registry.host, "--type", "registry", "--username", registry.username];
    await sealmountOut([...login, "--stdin"], { cwd: world.cwd, env, stdin: password });
    clean = await readFile(join(EXAMPLE, "Dockerfile"), "utf8");
    const elsewhere = { HOME: world.root, XDG_CONFIG_HOME: join(world.root, "none") };
    at = { ...env, ...elsewhere, SEALMOUNT_KEY: key, IMAGE: `${registry.host}/${name}` };
  });

  afterAll(async () => {
    await writeFile(join(world.cwd, "Dockerfile"), clean);
    await dockerCli(["rmi", "-f", `${registry.host}/${name}`]);
  });

  /** Its own lines for sealmount, up to the first that fails. */
  async function pipeline(): Promise<Line[]> {
    const text = await readFile(join(EXAMPLE, file), "utf8");
    const lines = Array.from(text.matchAll(/^ +- (?:run: )?(sealmount .*)$/gm), ([, line]) => line);
    const done: Line[] = [];
    for (const line of lines) {
      if (done.at(-1) !== undefined && done.at(-1)?.ran.code !== 0) break;
      done.push(await shell(line ?? "", at));
    }
    return done;
  }

  it("IT12: stops in front of the push at a leak, with its reports", async () => {
    await cp(join(EXAMPLE, "Dockerfile.leaky"), join(world.cwd, "Dockerfile"));
    for (const path of ["leaks.sarif", "leaks.xml"]) await rm(join(world.cwd, path));
    const done = await pipeline();
    expect(done.map(({ ran }) => ran.code)).toEqual([0, 8]);
    expect(done.at(-1)?.line).toContain(" verify ");
    for (const path of ["leaks.sarif", "leaks.xml"]) {
      expect(await readFile(join(world.cwd, path), "utf8")).toContain("build/cms-token");
    }
    expect(await registry.digest(name, "latest")).toBeNull();
  });

  it("IT12: pushes what is clean", async () => {
    await writeFile(join(world.cwd, "Dockerfile"), clean);
    const done = await pipeline();
    expect(done.map(({ ran }) => ran.stderr.includes("error") || ran.code)).toEqual([0, 0, 0]);
    expect(await registry.digest(name, "latest")).toMatch(/^sha256:/);
    const pushed = await shell('sealmount verify --strict "docker://$IMAGE"', at);
    expect(pushed.ran).toMatchObject({ code: 0, stdout: expect.stringContaining(": clean; ") });
    const printed = Buffer.concat([...done, pushed].map(({ ran }) => ran.bytes));
    expect(leaksIn(printed, [token, password, at["SEALMOUNT_KEY"] ?? ""])).toEqual([]);
  });
});
