import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerCli, dockerOut } from "../engine/current.ts";
import { type Ended } from "../engine/engine.ts";
import { parseJson } from "../support/json.ts";
import { makeWorld } from "../support/temp.ts";

const ROOT = join(import.meta.dirname, "..", "..");

describe("sealmount's own image", () => {
  const image = `smtest-self-${process.pid}`;
  let built: Ended;

  beforeAll(async () => {
    await using world = await makeWorld();
    const npmrc = await world.write("npmrc", await npmSettings(), 0o600);
    // the host's network: a private engine of the tests has no way out of its bridge
    const args = ["build", "--network=host", "--secret", `id=npmrc,src=${npmrc}`, "-t", image, "."];
    built = await dockerCli(args, { cwd: ROOT });
  });
  afterAll(async () => {
    await dockerCli(["rmi", "-f", image]);
  });

  it("builds from a clean checkout", () => {
    expect(built.stderr).not.toContain("ERROR");
    expect(built).toMatchObject({ code: 0 });
  });

  it("is sealmount: version, help, and a command on a mounted folder", async () => {
    const text = await readFile(join(ROOT, "package.json"), "utf8");
    const { version } = parseJson<{ readonly version: string }>(text);
    expect(await dockerOut(["run", "--rm", image, "--version"])).toContain(version);
    expect(await dockerOut(["run", "--rm", image])).toContain("sealmount");
    await using world = await makeWorld();
    await world.write("iterapp.toml", '[env.common]\nLOG_LEVEL = "info"\n');
    const mounted = ["--user", "0", "-v", `${world.cwd}:/work`];
    expect(await dockerOut(["run", "--rm", ...mounted, image, "ls"])).toContain("LOG_LEVEL");
  });

  it("runs as a user who is not root, and holds no development tools or npm settings", async () => {
    const inspect = await dockerOut(["inspect", "--format", "{{.Config.User}}", image]);
    expect(inspect).toBe("node");
    const shell = ["run", "--rm", "--user", "0", "--entrypoint", "sh", image, "-c"];
    const listed = await dockerOut([...shell, "ls /opt/sealmount/node_modules /root -a"]);
    expect(listed).not.toMatch(/typescript|vitest|\.npmrc/);
  });
});

/**
 * This machine's way to npm's registry, as the `.npmrc` of the build: its user's own settings, the
 * registry, and the certificates that base-images.sh took into the node image.
 */
async function npmSettings(): Promise<string> {
  const own = await readFile(join(homedir(), ".npmrc"), "utf8").catch(() => "");
  const { stdout } = await promisify(execFile)("npm", ["config", "get", "registry"], { cwd: "/" });
  return `${own}\nregistry=${stdout.trim()}\ncafile=/etc/ssl/certs/ca-certificates.crt\n`;
}
