import { createHash } from "node:crypto";
import Docker, { type ContainerCreateOptions } from "dockerode";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { deliver, type Delivered, type DeliverOptions } from "../../src/run/launcher/deliver.ts";
import { dockerCli, dockerOut, engineHost } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmountOut } from "../support/cli.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { ENV, expectClean, leftovers, recordEngine, secret, sweep } from "./run-harness.ts";
import { BYTES, hidingManifest } from "./launch-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

const KINDS = ["bind", "volume"] as const;
const values = { TOKEN: canary("token"), cert: canary("cert"), KEY: canary("key") };

let world: World;
const made: string[] = [];

beforeAll(async () => {
  await buildImages();
  world = await makeWorld();
  const at = { cwd: world.cwd, env: world.env };
  await sealmountOut(["init", "--app", "cats"], at);
  await sealmountOut(["set", "KEY", "--env", "prod", "--stdin"], { ...at, stdin: values.KEY });
});

afterAll(async () => {
  await removeImages();
  await world[Symbol.asyncDispose]();
});

afterEach(async () => {
  for (const id of made.splice(0)) await dockerCli(["rm", "-f", id]);
  await sweep();
});

function client(): Docker {
  return new Docker({ socketPath: new URL(engineHost()).pathname });
}

const entries = (): NonNullable<DeliverOptions<object>["secrets"]> => [
  secret("TOKEN", values.TOKEN),
  secret("cert", values.cert, { path: "/etc/cats/cert", owner: "USER", mode: 0o400 }),
];

/** As somebody's launcher has them. */
function request(): ContainerCreateOptions {
  return {
    name: `smtest-deliver-${process.pid}`,
    Image: APP_IMAGE,
    Cmd: ["sleep", "300"],
    Env: ["LEVEL=info", "HOME"],
    Labels: { shop: "cats" },
    HostConfig: {
      Binds: ["/usr:/host-usr:ro"],
      Mounts: [{ Type: "tmpfs", Target: "/scratch", Source: "" }],
    },
  };
}

async function start(
  docker: Docker,
  options: Delivered<ContainerCreateOptions>["options"],
): Promise<Docker.Container> {
  const container = await docker.createContainer(options);
  made.push(container.id);
  await container.start();
  return container;
}

async function inside(id: string, command: string): Promise<string> {
  return dockerOut(["exec", id, "sh", "-c", command]);
}

describe.each(KINDS)("deliver by %s", (kind) => {
  const base = { env: ENV, delivery: kind } as const;

  it("gives dockerode's container variables and files, and keeps what was asked for", async () => {
    const docker = client();
    const options = request();
    const before = structuredClone(options);
    await using delivery = await deliver({ ...base, docker, options, secrets: entries() });
    expect(options).toEqual(before);
    expect(delivery).toMatchObject({
      delivery: kind,
      files: [{ name: "cert", path: "/etc/cats/cert" }],
      variables: ["TOKEN", "LEVEL", "HOME"],
    });
    const { id } = await start(docker, delivery.options);
    await delivery.started();
    expect((await inside(id, "cat /etc/cats/cert")) === values.cert).toBe(true);
    expect(await inside(id, "stat -c '%u:%g %a' -L /etc/cats/cert")).toBe("1234:2345 400");
    expect((await inside(id, 'printf %s "$TOKEN"')) === values.TOKEN).toBe(true);
    expect(await inside(id, 'echo "$LEVEL${PATH:+ path}"; ls -d /host-usr/bin /scratch')).toBe(
      "info path\n/host-usr/bin\n/scratch",
    );
    const format = '{{.Name}} {{index .Config.Labels "shop"}}';
    expect(await dockerOut(["inspect", "-f", format, id])).toBe(
      `/smtest-deliver-${process.pid} cats`,
    );
    expect(await inside(id, "touch /etc/cats/cert 2>&1 || true")).toContain("Read-only");
  });

  it("lets go of the files once the container has them", async () => {
    const docker = client();
    const delivery = await deliver({ ...base, docker, options: request(), secrets: entries() });
    const { id } = await start(docker, delivery.options);
    await delivery.started();
    await delivery.started();
    await delivery[Symbol.asyncDispose]();
    expect((await inside(id, "cat /etc/cats/cert")) === values.cert).toBe(true);
    // the container, and its folder or volumes (with a guard there are two): no helper
    const left = await leftovers();
    const isStore = (name: string): boolean => /^\/|^sealmount-/.test(name);
    expect(left.filter((name) => !isStore(name))).toEqual([id.slice(0, 12)]);
    expect(left.some(isStore)).toBe(true);
  });

  it.each(["nothing", "a container"])("takes everything back when %s was made", async (what) => {
    const docker = client();
    {
      await using delivery = await deliver({
        ...base,
        docker,
        options: request(),
        secrets: entries(),
      });
      if (what !== "nothing") await docker.createContainer(delivery.options);
      expect((await leftovers()).length).toBeGreaterThan(0);
    }
    await expectClean();
  });

  it("leaves a program alone that runs although started() was forgotten", async () => {
    const docker = client();
    let id = "";
    {
      await using delivery = await deliver({
        ...base,
        docker,
        options: request(),
        secrets: entries(),
      });
      ({ id } = await start(docker, delivery.options));
    }
    expect((await inside(id, "cat /etc/cats/cert")) === values.cert).toBe(true);
  });

  it("puts the gate in front of the request's own program and health check", async () => {
    const docker = client();
    const options: ContainerCreateOptions = {
      ...request(),
      // one text, and what follows it
      Entrypoint: "sh",
      Cmd: ["-c", 'printf %s "$TOKEN" | sha256sum; exec sleep 300'],
      Healthcheck: { Test: ["CMD-SHELL", 'test -n "$TOKEN"'], Interval: 1e9, Retries: 30 },
    };
    await using delivery = await deliver({
      ...base,
      docker,
      options,
      secrets: entries(),
      env: { ...base.env, HOME: world.home },
      variables: "hidden",
    });
    const { id } = await start(docker, delivery.options);
    await delivery.started();
    const sum = createHash("sha256").update(values.TOKEN).digest("hex");
    await expect.poll(() => dockerOut(["logs", id])).toBe(`${sum}  -`);
    const health = [
      "inspect",
      "-f",
      "{{.State.Health.Status}} {{.Config.Healthcheck.Retries}}",
      id,
    ];
    await expect.poll(() => dockerOut(health), { timeout: 20_000 }).toBe("healthy 30");
    expect((await inside(id, "cat /etc/cats/cert")) === values.cert).toBe(true);
    const shown = await dockerOut(["inspect", id]);
    expect(leaksIn(shown, Object.values(values))).toEqual([]);
  });

  it("refuses what run refuses, and leaves nothing", async () => {
    const docker = client();
    const taken = request();
    taken.HostConfig = { Mounts: [{ Type: "tmpfs", Target: "/etc/cats/cert", Source: "" }] };
    const both = { ...base, docker };
    await expect(deliver({ ...both, options: taken, secrets: entries() })).rejects.toMatchObject({
      code: "DELIVERY_PATH",
    });
    await expect(
      deliver({ ...both, pull: "never", options: { Image: "smtest-none" }, secrets: entries() }),
    ).rejects.toMatchObject({ code: "IMAGE_MISSING" });
    await expect(deliver({ ...both, options: {}, secrets: entries() })).rejects.toMatchObject({
      code: "USAGE",
    });
    const key = { Image: APP_IMAGE, Env: ["SEALMOUNT_KEY=x"] };
    await expect(deliver({ ...both, options: key, secrets: entries() })).rejects.toMatchObject({
      code: "USAGE",
    });
    await expectClean();
  });
});

describe("deliver", () => {
  it("opens the environment by itself", async () => {
    const docker = client();
    const options = { Image: "busybox:local", Cmd: ["sleep", "300"] };
    await using delivery = await deliver({
      docker,
      options,
      cwd: world.cwd,
      environment: "prod",
      env: { ...world.env, ...ENV },
      files: [{ name: "KEY", mode: 0o400 }],
    });
    const { id } = await start(docker, delivery.options);
    await delivery.started();
    expect((await inside(id, "cat /run/secrets/KEY")) === values.KEY).toBe(true);
    expect(await dockerOut(["inspect", "-f", '{{index .Config.Labels "sealmount.app"}}', id])).toBe(
      "cats",
    );
  });

  it("delivers as [run] of the manifest says, any bytes too", async () => {
    const docker = client();
    const options = { Image: "busybox:local", Cmd: ["sh", "-c", 'printf %s "$BYTES" | sha256sum'] };
    await using delivery = await deliver({
      docker,
      options,
      manifest: await hidingManifest(world, "odd"),
      environment: "odd",
      env: { ...world.env, ...ENV },
    });
    const { id } = await start(docker, delivery.options);
    await delivery.started();
    const sum = createHash("sha256").update(BYTES).digest("hex");
    await expect.poll(() => dockerOut(["logs", id])).toBe(`${sum}  -`);
    expect(await dockerOut(["inspect", "-f", "{{.Config.Env}}", id])).not.toContain("BYTES");
  });

  it("what the request sets wins, a name without a value included", async () => {
    const docker = client();
    const secrets = ["A", "B", "C"].map((name) => secret(name, canary()));
    const options = { Image: "busybox:local", Env: ["A=own", "B"] };
    await using delivery = await deliver({
      docker,
      options,
      secrets,
      env: { ...ENV, B: "of the client" },
    });
    const { _body: body } = delivery.options;
    const env = body.Env ?? [];
    expect(env.slice(0, 2)).toEqual(["A=own", "B"]);
    expect(env.length).toBe(3);
  });

  it("refuses files in a volume for a container that restarts", async () => {
    const options = { ...request(), HostConfig: { RestartPolicy: { Name: "always" } } };
    const wish = { docker: client(), options, secrets: entries(), env: ENV };
    await expect(deliver({ ...wish, delivery: "volume" })).rejects.toMatchObject({
      code: "POLICY",
    });
  });

  it("no URL holds a value, whereas dockerode alone writes every variable into it", async () => {
    await using recorder = await recordEngine();
    const docker = new Docker({
      socketPath: recorder.engine.endpoint.host.replace("unix://", ""),
    });
    const options = request();
    await using delivery = await deliver({ docker, options, secrets: entries(), env: ENV });
    await start(docker, delivery.options);
    await delivery.started();
    const requests = recorder.sent();
    const needles = Object.values(values);
    expect(urlsOf(requests).length).toBeGreaterThan(5);
    expect(leaksIn(urlsOf(requests).join("\n"), needles)).toEqual([]);
    // the body alone, as people might pass it on: why there is `_query` and `_body`
    const { _body: body } = delivery.options;
    const again = { ...body } as unknown as ContainerCreateOptions;
    made.push((await docker.createContainer(again)).id);
    const later = urlsOf(recorder.sent().slice(requests.length));
    expect(leaksIn(later.join("\n"), [values.TOKEN])).not.toEqual([]);
  });
});

function urlsOf(sent: string): string[] {
  return sent.match(/^[A-Z]+ \/.* HTTP\/1\.1/gm) ?? [];
}
