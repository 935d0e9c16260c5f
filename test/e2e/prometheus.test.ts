import { createHash } from "node:crypto";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { dockerCli, dockerOut, engineHost } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { cliCommand } from "../support/cli.ts";
import { type Ran, run } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { ENV } from "./run-harness.ts";

/** The example as its README has it, but for the image: none can be pulled here. */

const EXAMPLE = join(import.meta.dirname, "..", "..", "examples", "prometheus");
const IMAGE = `smtest-prometheus-${process.pid}`;
const CONTAINER = `${IMAGE}-app`;
const token = canary("token");

/** Like Prometheus: knows the path that its configuration names, and nothing else. */
const PROGRAM = `#!/bin/sh
file=$(sed -n 's/^ *credentials_file: *//p' /etc/prometheus/prometheus.yml)
sha256sum < "$file"
stat -c '%u %a' "$file"
(echo > "$file") 2>/dev/null || echo read-only
exec sleep 300
`;

let world: World;
const ran: Ran[] = [];

beforeAll(async () => {
  world = await makeWorld();
  await cp(EXAMPLE, world.cwd, { recursive: true });
  await world.write("image/prometheus", PROGRAM, 0o755);
  const steps = ["COPY prometheus /bin/", "USER 65534", 'ENTRYPOINT ["/bin/prometheus"]'];
  await world.write("image/Dockerfile", `FROM busybox:local\n${steps.join("\n")}\n`);
  await dockerOut(["build", "-q", "-t", IMAGE, "image"], { cwd: world.cwd });
  const shim = `#!/bin/sh\nexec ${cliCommand().join(" ")} "$@"\n`;
  await world.write("bin/sealmount", shim, 0o755);
  const env = {
    ...world.env,
    ...ENV,
    TOKEN: token,
    DOCKER_HOST: engineHost(),
    PATH: `${world.cwd}/bin:${world.env["PATH"]}`,
  };
  for (const line of await linesOfReadme()) {
    ran.push(await run("sh", ["-c", line], { env, cwd: world.cwd }));
  }
});

afterAll(async () => {
  await dockerCli(["rm", "-f", CONTAINER]);
  await dockerCli(["rmi", "-f", IMAGE]);
  await world[Symbol.asyncDispose]();
});

async function linesOfReadme(): Promise<string[]> {
  const text = await readFile(join(EXAMPLE, "README.md"), "utf8");
  const block = /^```sh\n([\s\S]*?)^```/m.exec(text)?.[1] ?? "";
  return block
    .trimEnd()
    .split("\n")
    .map((line) =>
      line
        .replace("--name prometheus -p 9090:9090", `--name ${CONTAINER} --network none`)
        .replace(" prom/prometheus", ` ${IMAGE}`),
    );
}

describe("examples/prometheus", () => {
  it("goes through, and seals the token into the manifest", async () => {
    expect(
      ran.map(({ code, stderr }) => ({ code, stderr })).filter(({ code }) => code !== 0),
    ).toEqual([]);
    expect(ran.length).toBe(3);
    const manifest = await readFile(join(world.cwd, "iterapp.toml"), "utf8");
    expect(manifest).toContain("encrypted");
    expect(leaksIn(manifest, [token])).toEqual([]);
  });

  it("RI22: the program reads the token by the path in its configuration", async () => {
    const sum = createHash("sha256").update(token).digest("hex");
    const wanted = `${sum}  -\n65534 400\nread-only`;
    await expect.poll(() => dockerOut(["logs", CONTAINER]), { timeout: 10_000 }).toBe(wanted);
  });

  it("RI22: the token is in no variable, nor anywhere that docker shows", async () => {
    const env = await dockerOut(["exec", CONTAINER, "env"]);
    const shown = await dockerOut(["inspect", CONTAINER]);
    expect(leaksIn(`${env}${shown}`, [token])).toEqual([]);
  });

  it("RI22: it is there again after a restart", async () => {
    await dockerOut(["restart", "-t", "0", CONTAINER]);
    const read = await dockerOut(["exec", CONTAINER, "cat", "/run/secrets/scrape-token"]);
    expect(read === token).toBe(true);
  });
});
