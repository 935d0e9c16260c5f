import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { assertClean } from "../../src/verify/assert-clean.ts";
import { verdictOf } from "../../src/verify/model.ts";
import type { Finding, VerifyReport } from "../../src/verify/model.ts";
import { renderReport, reportJson } from "../../src/verify/report.ts";
import { archiveStream } from "../../src/verify/sources/archive.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";
import { dockerCli, dockerOut, engineHost, testEngine } from "../engine/current.ts";
import { formsOf } from "../support/canary.ts";
import { makeWorld } from "../support/temp.ts";

/** A canary whose percent, JSON and base64 forms all differ from it; harmless in a Dockerfile. */
const newCanary = (): string => `leak-${randomBytes(9).toString("hex")}>>>/?&+"ö`;

const RUN = `smtest-verify-${process.pid}`;
const CLEAN = `${RUN}-clean`;
const LEAKY = `${RUN}-leaky`;

const IN_FILES = newCanary();
const IN_ARGUMENT = `argument-${randomBytes(12).toString("hex")}`;
const MOUNTED = newCanary();
const ABSENT = newCanary();

const LEAKY_DOCKERFILE = `FROM busybox:local
COPY forms /forms
COPY deleted /deleted
RUN rm /deleted/key
ARG TOKEN
RUN test -n "$TOKEN" && ln -s "/run/$TOKEN" /link && mkdir "/dir-$TOKEN"
ENV TOKEN=\${TOKEN}
LABEL org.example.token=\${TOKEN}
`;

const CLEAN_DOCKERFILE = `FROM busybox:local
RUN --mount=type=secret,id=token,required=true wc -c < /run/secrets/token > /length
ENV PORT=3000 DEBUG=true
`;

function values(): Record<string, string> {
  return {
    "prod/KEY": IN_FILES,
    "build/TOKEN": IN_ARGUMENT,
    "build/mounted": MOUNTED,
    "prod/ABSENT": ABSENT,
  };
}

let engine: Engine;
let leaky: VerifyReport;

async function verifyImage(
  image: string,
  more: Record<string, string> = {},
): Promise<VerifyReport> {
  const secrets = Object.entries({ ...values(), ...more }).map(([name, value]) =>
    Secret.take(name, Buffer.from(value)),
  );
  return verify(engineImage(engine, image), secrets).report();
}

const placesOf = (report: VerifyReport, secret: string): (string | undefined)[][] =>
  report.findings
    .filter((finding) => finding.secret === secret)
    .map(({ where, path, part }: Finding) => [where, path, part]);

beforeAll(async () => {
  engine = await Engine.connect(await resolveEndpoint({ host: engineHost(), env: {}, home: "/" }));
  await using world = await makeWorld();
  const bytes = Buffer.from(IN_FILES);
  await world.write("forms/raw", `x ${IN_FILES} x`);
  await world.write("forms/base64", bytes.toString("base64"));
  await world.write("forms/basic", Buffer.from(`ab:${IN_FILES}`).toString("base64"));
  await world.write("forms/hex", bytes.toString("hex").toUpperCase());
  await world.write("forms/percent", encodeURIComponent(IN_FILES));
  await world.write("forms/json", JSON.stringify({ key: IN_FILES }));
  await world.write("deleted/key", IN_FILES);
  await world.write("token", MOUNTED);
  await world.write("leaky.Dockerfile", LEAKY_DOCKERFILE);
  await world.write("clean.Dockerfile", CLEAN_DOCKERFILE);
  const build = ["build", "-q"];
  const leakyArgs = ["-f", "leaky.Dockerfile", "-t", LEAKY, "--build-arg", `TOKEN=${IN_ARGUMENT}`];
  await dockerOut([...build, ...leakyArgs, "."], { cwd: world.cwd });
  const cleanArgs = ["-f", "clean.Dockerfile", "-t", CLEAN, "--secret", "id=token,src=token"];
  await dockerOut([...build, ...cleanArgs, "."], { cwd: world.cwd });
  leaky = await verifyImage(LEAKY);
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", LEAKY, CLEAN]);
});

describe("verify on a real engine", () => {
  it("IT13 RI18: an image that used a secret mount is clean, and everything was searched", async () => {
    const report = await verifyImage(CLEAN);
    expect(report).toMatchObject({ findings: [], unseen: [], unproved: [], omitted: 0 });
    expect(verdictOf(report)).toBe("clean");
    const inspected = await engine.inspectImage(CLEAN);
    expect(report.layers.map(({ diffId }) => diffId)).toEqual(inspected?.RootFS?.Layers);
    expect(report.layers.at(-1)?.createdBy).toContain("RUN /bin/sh -c wc -c");
    expect(report.layers.every(({ bytes, files }) => bytes > 0 && files > 0)).toBe(true);
    expect(report.bytes).toBeGreaterThan(1_000_000);
    assertClean(report, { strict: true });
  });

  it.each([
    ["/forms/raw", "raw"],
    ["/forms/base64", "base64"],
    ["/forms/basic", "base64"],
    ["/forms/hex", "hex"],
    ["/forms/percent", "percent"],
    ["/forms/json", "json"],
  ])("IT4 IT12: finds the value in %s as %s, with its layer", (path, encoding) => {
    const found = leaky.findings.find((finding) => finding.path === path);
    expect(found).toMatchObject({
      secret: "prod/KEY",
      where: "layer",
      part: "content",
      layer: { index: 1 },
    });
    expect([found?.encoding, ...(found?.also ?? [])]).toContain(encoding);
    expect(found?.deleted).toBeUndefined();
    expect(found?.layer?.digest).toBe(leaky.layers[1]?.digest);
    expect(found?.layer?.createdBy).toContain("COPY forms");
  });

  it("IT4: finds a file that a later layer deleted, and says so", () => {
    const found = leaky.findings.find((finding) => finding.path === "/deleted/key");
    expect(found).toMatchObject({ secret: "prod/KEY", deleted: true, layer: { index: 2 } });
  });

  it("IT13: finds a build argument in names, links, env, labels and history", () => {
    const places = placesOf(leaky, "build/TOKEN");
    expect(places).toContainEqual(["layer", "/dir-***", "name"]);
    expect(places).toContainEqual(["layer", "/link", "link"]);
    expect(places).toContainEqual(["env", "TOKEN", undefined]);
    expect(places).toContainEqual(["label", "org.example.token", undefined]);
    expect(places.filter(([where]) => where === "history").length).toBeGreaterThanOrEqual(2);
  });

  it("names no secret that is not there", () => {
    expect(leaky.findings.map(({ secret }) => secret)).not.toContain("prod/ABSENT");
    expect(leaky.findings.map(({ secret }) => secret)).not.toContain("build/mounted");
    expect(leaky.unseen).toEqual([]);
  });

  it("IT12: fails with LEAK_FOUND, exit 8", () => {
    expect(() => assertClean(leaky)).toThrow(
      expect.objectContaining({ code: "LEAK_FOUND", exitCode: 8 }) as Error,
    );
  });

  it("shows no form of a value in any report", () => {
    const shown = [JSON.stringify(reportJson(leaky)), ...renderReport(leaky)].join("\n");
    for (const value of Object.values(values())) {
      for (const form of formsOf(value)) expect(shown.includes(form)).toBe(false);
    }
  });

  it("RI18: says of short and common values that they can't be proved", async () => {
    const report = await verifyImage(CLEAN, {
      "prod/PIN": "90417",
      "prod/FLAG": "true",
      "prod/DEBUG": "true",
    });
    expect(report.unproved.map(({ secret, reason }) => [secret, reason])).toEqual([
      ["prod/PIN", "too-short"],
      ["prod/FLAG", "common"],
      ["prod/DEBUG", "common"],
    ]);
    // ENV DEBUG=true is the secret under its own name
    expect(report.findings.map(({ secret, where, path }) => [secret, where, path])).toEqual([
      ["prod/DEBUG", "env", "DEBUG"],
      ["prod/DEBUG", "history", expect.any(String)],
    ]);
  });

  it("finds the same in an archive that docker save wrote", async () => {
    const { docker } = testEngine();
    const child = spawn(docker, ["-H", engineHost(), "save", LEAKY], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const secrets = Object.entries(values()).map(([name, value]) =>
      Secret.take(name, Buffer.from(value)),
    );
    const report = await verify(archiveStream(child.stdout, "archive"), secrets).report();
    expect(report.findings).toEqual(leaky.findings);
    expect(report.configs).toEqual(leaky.configs);
    expect(report.unseen).toEqual([]);
  });

  it("an image that is not there is IMAGE_MISSING, exit 6", async () => {
    await expect(verifyImage("smtest-verify-none:1")).rejects.toMatchObject({
      code: "IMAGE_MISSING",
      exitCode: 6,
      hint: expect.stringContaining("docker://NAME"),
    });
  });

  it("stops when the signal fires", async () => {
    const controller = new AbortController();
    controller.abort();
    const verifying = verify(engineImage(engine, LEAKY), [], { signal: controller.signal });
    await expect(verifying.report()).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});
