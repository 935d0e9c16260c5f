import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { verdictOf } from "../../src/verify/model.ts";
import type { RouteName, VerifyReport } from "../../src/verify/model.ts";
import { NO_RECORDS } from "../../src/verify/routes/build-records.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import type { EngineImageOptions } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";
import { dockerCli, dockerOut, engineHost, engineVersion, testEngine } from "../engine/current.ts";
import { makeWorld } from "../support/temp.ts";
import { refusingProxy } from "./refusing-proxy.ts";

const RUN = `smtest-routes-${process.pid}`;
const LEAKY = `${RUN}-leaky:1`;
const LARGE = `${RUN}-large:1`;
const TWO = `${RUN}-two:1`;

const IN_FILES = `leak-${randomBytes(9).toString("hex")}>>>/?&+"ö`;
const IN_ARGUMENT = `argument-${randomBytes(12).toString("hex")}`;

/** What makes a layer's folder differ from its tar: links, whiteouts, holes, names, empty layers. */
const DOCKERFILE = `FROM busybox:local
COPY files /files
RUN rm /files/deleted && rm -r /files/folder && mkdir /files/folder && echo 1 > /files/folder/new
RUN ln /files/key /files/hard && ln -s "/run/$(cat /files/key)" /files/soft && mkfifo /files/pipe
RUN dd if=/dev/zero of=/files/holes bs=1 count=1 seek=3000000 2> /dev/null && cat /files/key >> /files/holes
RUN mkdir -p "/files/$(printf 'd%.0s' $(seq 90))" && cp /files/key "/files/$(printf 'd%.0s' $(seq 90))/$(printf 'f%.0s' $(seq 120))"
RUN touch "/files/$(printf 'latin-\\344')" && cp /files/key "/files/$(printf 'latin-\\366')" && chmod 4711 /files/key
RUN true
ARG TOKEN
RUN mkdir "/dir-$TOKEN"
ENV TOKEN=\${TOKEN}
LABEL org.example.token=\${TOKEN}
`;

let engine: Engine;
let isContainerd: boolean;
let saved: VerifyReport;

const secrets = (): Secret[] => [
  Secret.take("prod/KEY", Buffer.from(IN_FILES)),
  Secret.take("build/TOKEN", Buffer.from(IN_ARGUMENT)),
];

async function verifyBy(o: EngineImageOptions, image = LEAKY): Promise<VerifyReport> {
  return verify(engineImage(engine, image, o), secrets()).report();
}

/** All that has to be the same, whatever the way. `docker save` adds documents of its own. */
function verdict(report: VerifyReport, withDigests = true): object {
  const { route: _route, bytes: _bytes, ...rest } = report;
  if (withDigests) return rest;
  const withoutDigest = <T extends { digest?: string }>(ref: T): T => ({ ...ref, digest: "" });
  return {
    ...rest,
    layers: rest.layers.map(withoutDigest),
    findings: rest.findings.map((one) =>
      one.layer === undefined ? one : { ...one, layer: withoutDigest(one.layer) },
    ),
  };
}

const namesOf = async (image: string): Promise<unknown> => {
  const found = await engine.inspectImage(image);
  return [found?.RepoTags, found?.RepoDigests];
};

beforeAll(async () => {
  engine = await Engine.connect(await resolveEndpoint({ host: engineHost(), env: {}, home: "/" }));
  isContainerd = testEngine().variant.endsWith("-containerd");
  await using world = await makeWorld();
  await world.write("files/key", IN_FILES);
  await world.write("files/deleted", IN_FILES);
  await world.write("files/folder/old", `old ${IN_FILES}`);
  await world.write("files/big", Buffer.alloc(3_000_000, `${randomBytes(48).toString("hex")}\n`));
  await world.write("Dockerfile", DOCKERFILE);
  await world.write("large/bytes", randomBytes(30_000_000));
  await world.write("large.Dockerfile", "FROM busybox:local\nCOPY large /large\n");
  const build = ["build", "-q", "--build-arg", `TOKEN=${IN_ARGUMENT}`];
  await dockerOut([...build, "-t", LEAKY, "."], { cwd: world.cwd });
  await dockerOut(["build", "-q", "-t", LARGE, "-f", "large.Dockerfile", "."], { cwd: world.cwd });
  saved = await verifyBy({ route: "save" });
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", LEAKY, LARGE]);
});

describe("every way to an engine's image", () => {
  it("docker save finds what was put there", () => {
    expect(saved.route).toEqual({ name: "save", skipped: [] });
    expect(saved.unseen).toEqual([]);
    const places = saved.findings.map(({ where, part, path }) => [where, part, path]);
    expect(places).toContainEqual(["layer", "content", "/files/key"]);
    expect(places).toContainEqual(["layer", "link", "/files/soft"]);
    expect(places).toContainEqual(["layer", "name", "/dir-***"]);
    expect(places).toContainEqual(["layer", "content", "/files/holes"]);
    expect(places.filter(([, , path]) => path === "/files/folder/old")).toHaveLength(1);
    expect(saved.findings.filter(({ deleted }) => deleted === true).length).toBeGreaterThan(1);
  });

  it.each<RouteName>(["content", "folders", "push"])(
    "IT4 IT12: %s gives the same verdict, where it can be gone",
    async (route) => {
      const report = await verifyBy({ route });
      const isOwn = testEngine().dataRoot !== "";
      const expected = { content: isContainerd, folders: isOwn && !isContainerd, push: isOwn };
      if (expected[route as "push"]) expect(report.route).toEqual({ name: route, skipped: [] });
      else expect(report.route?.skipped[0]).toEqual({ name: route, reason: expect.any(String) });
      // a registry gets layers compressed, under another digest
      const isSameDigest = isContainerd || report.route?.name !== "push";
      expect(verdict(report, isSameDigest)).toEqual(verdict(saved, isSameDigest));
    },
  );

  it("auto takes the fastest that only reads", async () => {
    const { route } = await verifyBy({});
    expect(route?.name).toBe(isContainerd ? "content" : "folders");
  });

  it("a push leaves no name behind, and takes none away", async () => {
    const before = await namesOf(LEAKY);
    await verifyBy({ route: "push" });
    expect(await namesOf(LEAKY)).toEqual(before);
    const images = await dockerOut(["images", "--format", "{{.Repository}}"]);
    expect(images).not.toContain("/sealmount-");
  });

  it("an image without a name is not pushed: its last name would take it along", async () => {
    const built = await dockerOut(["build", "-q", "-"], {
      input: `FROM busybox:local\nRUN echo ${RUN} > /nameless\n`,
    });
    const report = await verifyBy({ route: "push" }, built);
    expect(report.route?.skipped[0]?.name).toBe("push");
    expect(verdictOf(report)).toBe("clean");
    expect(await engine.inspectImage(built)).not.toBeNull();
    await dockerCli(["rmi", "-f", built]);
  });

  it.each<RouteName>(["content", "folders", "push", "save"])(
    "%s stops in the middle when the signal fires, and leaves nothing",
    async (route) => {
      const controller = new AbortController();
      const before = await namesOf(LARGE);
      const verifying = verify(engineImage(engine, LARGE, { route }), secrets(), {
        signal: controller.signal,
        onProgress: (bytes) => {
          if (bytes > 1_000_000) controller.abort();
        },
      });
      await expect(verifying.report()).rejects.toMatchObject({ code: "INTERRUPTED" });
      expect(await namesOf(LARGE)).toEqual(before);
    },
  );

  it.each<RouteName>(["content", "folders", "push", "save"])(
    "%s of an image that is removed meanwhile is an error or not read, never clean",
    async (route) => {
      const name = `${RUN}-gone:1`;
      await dockerOut(["build", "-q", "-t", name, "-"], {
        input: `FROM busybox:local\nRUN echo ${randomBytes(9).toString("hex")} > /unique\n`,
      });
      const source = engineImage(engine, name, { route });
      const gone = {
        name,
        open: async (signal?: AbortSignal) => {
          const opened = await source.open(signal);
          if (route !== "save") await dockerOut(["rmi", "-f", name]);
          else await dockerCli(["rmi", "-f", name]);
          return opened;
        },
      };
      const word = await verify(gone, secrets())
        .report()
        .then(
          (report) => (report.layers.every(({ files }) => files > 0) ? "whole" : verdictOf(report)),
          (error: { code?: unknown }) => error.code,
        );
      // what had been promised before it was removed may still come as a whole
      expect(["IMAGE_MISSING", "incomplete", "whole"]).toContain(word);
    },
  );
});

const hasPlatforms = testEngine().variant.endsWith("-containerd");

describe.runIf(hasPlatforms)("every way to an image for two platforms", () => {
  beforeEach(async () => {
    await using world = await makeWorld();
    await world.write("key-amd64", `1 ${IN_FILES}`);
    await world.write("key-arm64", `2 ${IN_FILES}`);
    const copy = "COPY key-$TARGETARCH /key-$TARGETARCH";
    await world.write("Dockerfile", `FROM scratch\nARG TARGETARCH\n${copy}\n`);
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    await dockerOut(["build", "-q", ...platforms, "-t", TWO, "."], { cwd: world.cwd });
    onTestFinished(async () => void (await dockerCli(["rmi", "-f", TWO])));
  });

  it("IT4 IT12: push and content give the verdict of save", async () => {
    const whole = await verifyBy({ route: "save" }, TWO);
    expect(whole.unseen).toEqual([]);
    expect(whole.findings.map(({ path }) => path)).toEqual(["/key-amd64", "/key-arm64"]);
    for (const route of ["content", "push"] as const) {
      const report = await verifyBy({ route }, TWO);
      expect(report.route).toEqual({ name: route, skipped: [] });
      expect(verdict(report)).toEqual(verdict(whole));
    }
  });

  it("a push of the platform that is left is a part: another way reads the rest", async (context) => {
    const removed = await dockerCli(["image", "rm", "-f", "--platform", "linux/arm64", TWO]);
    context.skip(removed.code !== 0, "this client or engine removes no platform alone");
    const report = await verifyBy({ route: "push" }, TWO);
    const reason = "the engine pushed only a part of the image";
    expect(report.route).toEqual({ name: "content", skipped: [{ name: "push", reason }] });
    expect(report.unseen).not.toEqual([]);
    expect(verdict(report)).toEqual(verdict(await verifyBy({}, TWO)));
  });
});

describe("the engine's own records of its builds", () => {
  it("are searched when asked for, and told apart from the image", async () => {
    const without = await verifyBy({}, "busybox:local");
    expect(without.findings).toEqual([]);
    const report = await verifyBy({ history: true }, "busybox:local");
    expect(report.unseen).toEqual([]);
    const version = await engineVersion();
    if (!version.atLeast(23, 0)) {
      expect(report.limits).toContain(NO_RECORDS);
      expect(report.findings).toEqual([]);
      return;
    }
    const inRecords = report.findings.filter(({ secret }) => secret === "build/TOKEN");
    expect(inRecords.length).toBeGreaterThan(0);
    expect(report.findings.every(({ where }) => where === "build-record")).toBe(true);
    expect(report.limits).not.toContain(NO_RECORDS);
    expect(JSON.stringify(report)).not.toContain(IN_ARGUMENT);
    expect(report.layers).toEqual(without.layers);
  });

  it("are read on when a client was killed in the middle of them, or stopped", async (context) => {
    if (!(await engineVersion()).atLeast(23, 0)) context.skip("engines before 23 keep no records");
    const program = join(import.meta.dirname, "verify-until.ts");
    const child = spawn(process.execPath, [program, engineHost()], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = once(child, "close");
    const [word] = (await Promise.race([once(child.stdout, "data"), closed])) as unknown[];
    child.kill("SIGKILL");
    await closed;
    expect(String(word)).toBe("here\n");
    const controller = new AbortController();
    let ofImage = 0;
    const image = engineImage(engine, "busybox:local");
    await verify(image, secrets(), { onProgress: (bytes) => (ofImage = bytes) }).report();
    const source = engineImage(engine, "busybox:local", { history: true });
    const stopped = verify(source, secrets(), {
      signal: controller.signal,
      onProgress: (bytes) => {
        if (bytes > ofImage) controller.abort();
      },
    });
    await expect(stopped.report()).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect((await verifyBy({ history: true }, "busybox:local")).unseen).toEqual([]);
  });

  it("that a proxy keeps to itself prove nothing", async () => {
    await using proxy = await refusingProxy({ engine: engineHost(), status: 403 });
    const endpoint = await resolveEndpoint({ host: proxy.host, env: {}, home: "/" });
    const source = engineImage(await Engine.connect(endpoint), "busybox:local", { history: true });
    const report = await verify(source, secrets()).report();
    expect(report.unseen.map(({ what }) => what)).toEqual(["the engine's build records"]);
    expect(verdictOf(report)).toBe("incomplete");
  });
});
