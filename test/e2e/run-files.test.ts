import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { compareApi } from "../../src/docker/version.ts";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { findOnDisk } from "../support/disk.ts";
import { makeWorld } from "../support/temp.ts";
import { withRequest, withVolumes } from "./altered-engine.ts";
import {
  ENV,
  expectClean,
  leftovers,
  remoteEngine,
  runIn,
  secret,
  sweep,
  theEngine,
} from "./run-harness.ts";
import { APP_IMAGE, SCRATCH_IMAGE, buildImages, removeImages } from "./run-image.ts";

const KINDS = ["bind", "volume"] as const;
const image = APP_IMAGE;

beforeAll(buildImages);
afterAll(removeImages);
afterEach(expectClean);

/** Runs a shell script that finds the one secret at `path`. */
async function shell(
  script: string,
  o: Parameters<typeof runIn>[0] & { readonly value?: string | Buffer },
): ReturnType<typeof runIn> {
  const entries = [secret("API_KEY", o.value ?? "purr")];
  return runIn({
    image,
    entries,
    files: [{ name: "API_KEY" }],
    command: ["sh", "-c", script],
    ...o,
  });
}

async function mountsSingleFiles(): Promise<boolean> {
  return compareApi((await theEngine()).version.api, "1.45") >= 0;
}

describe.each(KINDS)("run: files by %s", (delivery) => {
  const root = { rm: true, user: "0" };

  it("IX15, IX31, IT10: the file is there, on tmpfs, and the variable is not", async () => {
    const value = canary();
    const script =
      "cat /run/secrets/API_KEY; stat -f -c %T /run/secrets/API_KEY; printenv API_KEY || echo none";
    const ran = await shell(script, { delivery, value, container: root });
    expect(ran.stdout.toString()).toBe(`${value}tmpfs\nnone\n`);
    expect(ran.delivery).toBe(delivery);
  });

  it("IX16, IX17: root owns it with mode 0600 when nothing else is said", async () => {
    const script = "stat -c '%u:%g %a' /run/secrets/API_KEY; cat /run/secrets/API_KEY || echo no";
    const ran = await shell(script, { delivery });
    expect(ran.stdout.toString()).toBe("0:0 600\nno\n");
  });

  it.each([
    ["app", "app:app"],
    ["app:readers", "app:readers"],
    ["1300", "other:1300"],
    ["4321", "4321:4321"],
    ["4321:5432", "4321:5432"],
    ["USER", "app:app"],
    ["root", "root:root"],
  ])("IX16: owner %s", async (owner, shown) => {
    const script = "stat -c %U:%G:%u:%g /run/secrets/API_KEY";
    const ran = await shell(script, { delivery, files: [{ name: "API_KEY", owner }] });
    const [user = "", group = "", uid = "", gid = ""] = ran.stdout.toString().trim().split(":");
    const name = (text: string, id: string): string => (text === "UNKNOWN" ? id : text);
    expect(`${name(user, uid)}:${name(group, gid)}`).toBe(shown);
  });

  it("IX16: USER is the user of -u where that is given", async () => {
    const files = [{ name: "API_KEY", owner: "USER" }];
    const container = { rm: true, user: "other" };
    const ran = await shell("cat /run/secrets/API_KEY; id -un", { delivery, files, container });
    expect(ran.stdout.toString()).toBe("purrother\n");
  });

  it("IX17: mode=0440, readable by a group of the user", async () => {
    const files = [{ name: "API_KEY", owner: "root:readers", mode: 0o440 }];
    const script = "stat -c %a /run/secrets/API_KEY; cat /run/secrets/API_KEY";
    const ran = await shell(script, { delivery, files });
    expect(ran.stdout.toString()).toBe("440\npurr");
  });

  it("IX18: a relative path lands in the WORKDIR, or in -w", async () => {
    const files = [{ name: "API_KEY", path: "sub/.npmrc" }];
    const ran = await shell("cat /srv/app/sub/.npmrc", { delivery, files, container: root });
    expect(ran.stdout.toString()).toBe("purr");
    const container = { ...root, workdir: "/var/cats" };
    const other = await shell("cat /var/cats/sub/.npmrc", { delivery, files, container });
    expect(other.stdout.toString()).toBe("purr");
  });

  it("RI14: byte for byte, a megabyte of anything, and an empty one", async () => {
    const value = randomBytes(1_000_000);
    const hash = createHash("sha256").update(value).digest("hex");
    const entries = [secret("BIG", value), secret("EMPTY", "")];
    const ran = await runIn({
      entries,
      delivery,
      files: [{ name: "BIG" }, { name: "EMPTY" }],
      command: ["sh", "-c", "sha256sum < /run/secrets/BIG; wc -c < /run/secrets/EMPTY"],
    });
    expect(ran.stdout.toString()).toBe(`${hash}  -\n0\n`);
  });

  it("RI24: read-only for root too: no write, no chmod, no rm, no remount", async () => {
    const script = `cd /run/secrets
      echo x > API_KEY; chmod 666 API_KEY; rm -f API_KEY; mv API_KEY B
      mount -o remount,rw /run/secrets; mount -o remount,rw /run/secrets/API_KEY; echo x > new
      rm -f ..data; ln -s x ..data; cat API_KEY`;
    const ran = await shell(script, { delivery, container: root });
    expect(ran.stdout.toString()).toBe("purr");
    expect(ran.stderr.toString()).toContain("Read-only file system");
  });

  it("RI24: touch fails with EROFS", async () => {
    const ran = await shell("touch /run/secrets/API_KEY", { delivery, container: root });
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr.toString()).toContain("Read-only file system");
  });

  it("keeps the image's other files of the folder, or refuses to hide them", async () => {
    const files = [{ name: "API_KEY", path: "/etc/app/key" }];
    const ran = shell("cat /etc/app/key /etc/app/other.conf", { delivery, files, container: root });
    if (delivery === "volume" && !(await mountsSingleFiles())) {
      await expect(ran).rejects.toMatchObject({ code: "DELIVERY_PATH" });
      return;
    }
    expect((await ran).stdout.toString()).toBe("purrcats\n");
  });

  it("IX15: a folder that the image lacks, several files in several folders", async () => {
    const entries = ["A", "B", "C"].map((name) => secret(name, `value ${name};`));
    const files = [
      { name: "A", path: "/opt/one/a" },
      { name: "B", path: "/opt/one/b" },
      { name: "C", path: "/opt/two/three/c" },
    ];
    const command = ["sh", "-c", "cat /opt/one/a /opt/one/b /opt/two/three/c; ls /opt/one"];
    const ran = await runIn({ entries, files, delivery, command });
    expect(ran.stdout.toString()).toBe("value A;value B;value C;a\nb\n");
  });

  it("IX16, IX18: takes letters of any language, long paths and large owners", async () => {
    const path = `/opt/ключ ö/${"long".repeat(30)}/${"deep".repeat(40)}/鍵`;
    const files = [{ name: "API_KEY", path, owner: "4000000:3000000", mode: 0o444 }];
    const script = `stat -c '%u:%g %a' '${path}'; cat '${path}'`;
    const ran = await shell(script, { delivery, files, container: root });
    expect(ran.stdout.toString()).toBe("4000000:3000000 444\npurr");
  });

  it("works in an image without shell and passwd, and with a read-only root", async () => {
    const ran = await shell("", {
      delivery,
      image: SCRATCH_IMAGE,
      command: ["/run/secrets/API_KEY"],
      container: { rm: true, readOnly: true, network: "none", capDrop: ["ALL"] },
    });
    expect(ran.stdout.toString()).toBe("purr");
  });

  it("DELIVERY_OWNER: an unknown owner names the near miss", async () => {
    const ran = shell("true", { delivery, files: [{ name: "API_KEY", owner: "ap" }] });
    await expect(ran).rejects.toMatchObject({ code: "DELIVERY_OWNER", hint: "did you mean app?" });
  });

  it("DELIVERY_OWNER: a name in an image without passwd", async () => {
    const files = [{ name: "API_KEY", owner: "app" }];
    const ran = shell("", { delivery, files, image: SCRATCH_IMAGE, command: ["x"] });
    await expect(ran).rejects.toMatchObject({ code: "DELIVERY_OWNER" });
  });

  it.each([
    ["a directory in the image", "/etc/app"],
    ["a link to a directory", "/srv/link"],
    ["below a file of the image", "/etc/passwd/key"],
    ["below a link to a file", "/etc/passwd.link/key"],
  ])("DELIVERY_PATH: %s", async (_title, path) => {
    const ran = shell("true", { delivery, files: [{ name: "API_KEY", path }] });
    await expect(ran).rejects.toMatchObject({ code: "DELIVERY_PATH", exitCode: 6 });
  });

  it("takes everything back when the program is not there", async () => {
    const ran = shell("", { delivery, command: ["smtest-none"] });
    if (delivery === "volume" && !(await mountsSingleFiles())) {
      // there the gate looks for the program, and says so as docker's own client does
      expect(await ran).toMatchObject({ exitCode: 127 });
      return;
    }
    await expect(ran).rejects.toMatchObject({ code: "PROGRAM_NOT_FOUND" });
  });

  it.each(["image", "prepare", "create", "fill", "attach", "start", "running"] as const)(
    "an abort in phase %s leaves no container, volume or folder",
    async (phase) => {
      const abort = new AbortController();
      const ran = shell("sleep 60", {
        delivery,
        signal: abort.signal,
        onPhase: (now) => {
          if (now === phase) abort.abort();
        },
      });
      await expect(ran).rejects.toMatchObject({ code: "INTERRUPTED", exitCode: 130 });
      expect(await leftovers()).toEqual([]);
    },
  );

  it("an abort in the middle of the program ends it and cleans up", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 1500);
    const ran = shell("sleep 60", { delivery, signal: abort.signal });
    await expect(ran).rejects.toMatchObject({ code: "INTERRUPTED" });
  });

  it("IT6: no value in inspect, diff, export, commit, save, events or on the engine's disk", async () => {
    const value = canary("trace");
    await using world = await makeWorld();
    const since = await world.write("since", "");
    const container = { detach: true, name: `smtest-trace-${process.pid}-${delivery}` };
    const ran = await shell("sleep 60", { delivery, value, container });
    const id = ran.containerId;
    const seen = [
      await dockerOut(["inspect", id]),
      await dockerOut(["diff", id]),
      await dockerOut(["events", "--since", "30s", "--until", "0s"]),
    ];
    await dockerOut(["commit", id, `smtest-commit-${process.pid}-${delivery}`]);
    const files = ["export", "save"].map((name) => join(world.cwd, name));
    await dockerOut(["export", "-o", files[0] ?? "", id]);
    await dockerOut(["save", "-o", files[1] ?? "", `smtest-commit-${process.pid}-${delivery}`]);
    expect(seen.flatMap((text) => leaksIn(text, [value]))).toEqual([]);
    expect(await findOnDisk(world.cwd, [value], since)).toEqual([]);
    const { dataRoot } = testEngine();
    if (dataRoot !== "") {
      const hits = await findOnDisk(dataRoot, [value], since);
      expect(hits.filter(({ inMemory }) => !inMemory)).toEqual([]);
    }
    await dockerOut(["rm", "-f", id]);
    await dockerOut(["rmi", "-f", `smtest-commit-${process.pid}-${delivery}`]);
    await sweep();
  });

  it("started again by its user it has its files, or it does not start", async () => {
    const container = { detach: true, user: "0" };
    const ran = await shell("cat /run/secrets/API_KEY; sleep 60", { delivery, container });
    const again = await dockerCli(["restart", "-t", "0", ran.containerId]);
    const state = await dockerOut(["inspect", "-f", "{{.State.Running}}", ran.containerId]);
    const file = await dockerCli(["exec", ran.containerId, "cat", "/run/secrets/API_KEY"]);
    await dockerOut(["rm", "-f", ran.containerId]);
    await sweep();
    if (delivery === "bind") expect([state, file.stdout]).toEqual(["true", "purr"]);
    // engines before API 1.45 can't mount parts of a volume, and would start it
    else if (await mountsSingleFiles()) expect([again.code === 0, state]).toEqual([false, "false"]);
  });

  it("IT25, IT24: a folder for secrets that the image has filled is told, and refused by --strict", async () => {
    const entries = [
      secret("keys/a", "purr", { path: "/etc/app/a", ownFolder: true }),
      secret("keys/b", "meow", { path: "/etc/app/b", ownFolder: true }),
    ];
    const container = { rm: true, user: "0" };
    const o = { image, entries, delivery, container };
    const command = ["sh", "-c", "cat /etc/app/a /etc/app/b; ls /etc/app"];
    const ran = await runIn({ ...o, command });
    const hidden = delivery === "volume" && !(await mountsSingleFiles());
    expect(ran.stdout.toString()).toBe(`purrmeowa\nb\n${hidden ? "" : "other.conf\n"}`);
    expect(ran.warnings.join()).toContain("/etc/app (other.conf)");
    await expect(runIn({ ...o, command: ["true"], strict: true })).rejects.toMatchObject({
      code: "POLICY",
      exitCode: 9,
    });
  });

  it("keeps what the user mounts in the same folder", async () => {
    const o = { delivery, container: { ...root, tmpfs: ["/run/secrets"] } };
    const ran = shell("cat /run/secrets/API_KEY; touch /run/secrets/mine; ls /run/secrets", o);
    if (delivery === "volume" && !(await mountsSingleFiles())) {
      await expect(ran).rejects.toMatchObject({ code: "DELIVERY_PATH" });
      return;
    }
    expect((await ran).stdout.toString()).toBe("purrAPI_KEY\nmine\n");
  });
});

describe("run: the choice of a delivery", () => {
  it("binds on an engine of this machine, as root", async () => {
    const ran = await shell("true", {});
    expect(ran.delivery).toBe("bind");
  });

  it("takes a volume on an engine of another machine", async () => {
    const engine = await remoteEngine();
    const ran = await shell("cat /run/secrets/API_KEY", {
      engine,
      container: { rm: true, user: "0" },
    });
    expect([ran.delivery, ran.stdout.toString()]).toEqual(["volume", "purr"]);
  });

  it("takes a volume when the engine turns out not to see our folder", async () => {
    const engine = withRequest(await theEngine(), hideFolder);
    const container = { rm: true, user: "0" };
    const ran = await shell("cat /run/secrets/API_KEY", { engine, container });
    expect([ran.delivery, ran.stdout.toString()]).toEqual(["volume", "purr"]);
  });

  it("says so when --delivery bind was asked for", async () => {
    const engine = withRequest(await theEngine(), hideFolder);
    const ran = shell("true", { engine, delivery: "bind" });
    await expect(ran).rejects.toMatchObject({
      code: "DELIVERY_FAILED",
      hint: "use --delivery volume",
    });
  });

  it("takes ramfs where tmpfs has no noswap", async () => {
    const engine = withVolumes(await theEngine(), (o) => o.replace("noswap", "smtest-unknown"));
    const ran = await shell("stat -f -c %T /run/secrets/API_KEY; cat /run/secrets/API_KEY", {
      engine,
      delivery: "volume",
      container: { rm: true, user: "0" },
    });
    expect(ran.stdout.toString()).toBe("ramfs\npurr");
  });

  it("refuses a volume that lies on the engine's disk, before a secret goes there", async () => {
    const engine = withVolumes(await theEngine(), () => "");
    const ran = shell("true", { engine, delivery: "volume" });
    await expect(ran).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
  });

  it("refuses a restart policy where only a volume works", async () => {
    const engine = await remoteEngine();
    const container = { detach: true, restart: "always" };
    const ran = shell("true", { engine, container });
    await expect(ran).rejects.toMatchObject({ code: "POLICY", exitCode: 9 });
  });

  it("survives restarts with a restart policy and bound files", async () => {
    const container = { detach: true, restart: "always", user: "0" };
    const ran = await shell("cat /run/secrets/API_KEY; sleep 60", { container });
    await dockerOut(["restart", "-t", "0", ran.containerId]);
    expect(await dockerOut(["exec", ran.containerId, "cat", "/run/secrets/API_KEY"])).toBe("purr");
    const format = '{{index .Config.Labels "sealmount.folder"}}';
    const folder = await dockerOut(["inspect", "-f", format, ran.containerId]);
    await dockerOut(["rm", "-f", ran.containerId]);
    expect(folder.startsWith(`${ENV.XDG_RUNTIME_DIR}/sealmount/run-`)).toBe(true);
    await rm(folder, { recursive: true });
  });

  it("a folder goes with the next run that finds its container gone", async () => {
    const container = { detach: true, rm: true, user: "0" };
    const ran = await shell("sleep 60", { container });
    const [id = "", folder = ""] = await leftovers();
    expect([id, folder.startsWith(ENV.XDG_RUNTIME_DIR)]).toEqual([
      ran.containerId.slice(0, 12),
      true,
    ]);
    await shell("true", {});
    expect(await leftovers()).toEqual([id, folder]);
    await dockerOut(["rm", "-f", ran.containerId]);
    await shell("true", {});
    expect(await leftovers()).toEqual([]);
  });
});

/** What an engine with mounts of its own would find: nothing at that path. */
async function hideFolder(body: unknown): Promise<void> {
  const { HostConfig } = body as { HostConfig?: { Mounts?: { Type: string; Source?: string }[] } };
  const mount = HostConfig?.Mounts?.find(({ Type }) => Type === "bind");
  const isThere = mount?.Source !== undefined && existsSync(mount.Source);
  if (isThere) await rm(dirname(mount.Source ?? ""), { recursive: true });
}
