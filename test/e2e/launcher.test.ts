import { createHash } from "node:crypto";
import { join } from "node:path";
import { GenericContainer, Wait } from "testcontainers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerCli, dockerOut, engineHost } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmountOut } from "../support/cli.ts";
import { type Ran, run } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { ENV } from "./run-harness.ts";

/** The library as a launcher uses it, by its public name, and its image in somebody else's hands. */

const LAUNCHER = join(import.meta.dirname, "..", "..", "examples", "launcher", "launch.ts");
const secrets = { token: canary("token"), key: canary("key"), pem: canary("pem") };

let world: World;

beforeAll(async () => {
  world = await makeWorld();
  const at = { cwd: world.cwd, env: world.env };
  await sealmountOut(["init", "--app", "cats"], at);
  await sealmountOut(["set", "token", "--build", "--stdin"], { ...at, stdin: secrets.token });
  await sealmountOut(["set", "KEY", "--env", "prod", "--stdin"], { ...at, stdin: secrets.key });
  const file = ["--file", "/run/secrets/pem", "--env", "prod"];
  await sealmountOut(["set", "pem", ...file, "--stdin"], { ...at, stdin: secrets.pem });
  const mount = "--mount=type=secret,id=token,required=true";
  await dockerfile(`RUN ${mount} wc -c < /run/secrets/token > /length`);
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", "launcher-example"]);
  await world[Symbol.asyncDispose]();
});

/** A step from the cache would have another run's value: hence a comment that no other has. */
async function dockerfile(step: string): Promise<void> {
  const program = `CMD ["sh", "-c", "printf %s \\"$KEY\\" | sha256sum; sha256sum < /run/secrets/pem; exit 3"]`;
  await world.write("Dockerfile", `FROM busybox:local\n${step} # ${canary("step")}\n${program}\n`);
}

/** As `sha256sum` prints it. */
function sumOf(value: string): string {
  return `${createHash("sha256").update(value).digest("hex")}  -`;
}

async function launch(): Promise<Ran> {
  const env = { ...world.env, ...ENV, DOCKER_HOST: engineHost() };
  return run(process.execPath, [LAUNCHER, world.cwd, "prod"], { env, cwd: world.root });
}

describe("examples/launcher", () => {
  it("builds, proves and starts, and prints nothing but the container's id", async () => {
    const ran = await launch();
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const id = ran.stdout.trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    try {
      expect(await dockerOut(["wait", id])).toBe("3");
      expect(await dockerOut(["logs", id])).toBe(`${sumOf(secrets.key)}\n${sumOf(secrets.pem)}`);
    } finally {
      await dockerOut(["rm", "-f", id]);
    }
  });

  it("gives an image that testcontainers can start", async () => {
    process.env["DOCKER_HOST"] = engineHost();
    process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
    await using container = await new GenericContainer("launcher-example")
      .withCommand(["sh", "-c", "echo up; sleep 60"])
      .withWaitStrategy(Wait.forLogMessage("up"))
      .start();
    const { output } = await container.exec(["sh", "-c", "cat /length; env; ls -A /run"]);
    expect(output.trim()).toMatch(/^\d+\n/);
    expect(leaksIn(output, Object.values(secrets))).toEqual([]);
  });

  it("refuses to run an image with a leak", async () => {
    await dockerfile("RUN --mount=type=secret,id=token cp /run/secrets/token /length");
    const ran = await launch();
    expect(ran).toMatchObject({ code: 8, stdout: "" });
    expect(ran.stderr).toContain("[LEAK_FOUND]");
    expect(leaksIn(ran.bytes, Object.values(secrets))).toEqual([]);
  });
});
