import { describe, expect, it } from "vitest";

import { behindGate, gateOf, gateWords } from "../../../../src/run/gate/behind.ts";
import { gateFor } from "../../../../src/run/gate/gate.ts";

const PLACE = { path: "/run/sealmount-gate/gate", mode: "now" } as const;
const GATE = gateWords(PLACE);

type Words = readonly string[] | undefined;

describe("behindGate: the program", () => {
  // [image's Entrypoint, image's Cmd, --entrypoint, command, what docker runs]
  it.each([
    [undefined, ["sh"], undefined, [], ["sh"]],
    [["cat"], undefined, undefined, [], ["cat"]],
    [["cat"], ["a"], undefined, [], ["cat", "a"]],
    [["cat"], ["a"], undefined, ["b", "c"], ["cat", "b", "c"]],
    [undefined, ["sh"], undefined, ["ls", "-l"], ["ls", "-l"]],
    [["cat"], ["a"], ["id"], [], ["id"]],
    [["cat"], ["a"], ["id"], ["-u"], ["id", "-u"]],
    [undefined, ["sh"], ["id"], [], ["id"]],
    [["cat"], ["a"], [""], ["ls"], ["ls"]],
    [[""], ["sh"], undefined, [], ["sh"]],
    [[], ["sh"], undefined, [], ["sh"]],
    [["/bin/sh", "-c", "exec x"], undefined, undefined, ["y"], ["/bin/sh", "-c", "exec x", "y"]],
  ] as [Words, Words, Words, string[], string[]][])(
    "ENTRYPOINT %j CMD %j, --entrypoint %j, %j",
    (...[Entrypoint, Cmd, entrypoint, command, program]) => {
      const image = { ...(Entrypoint && { Entrypoint }), ...(Cmd && { Cmd }) };
      const asked = command.length === 0 ? {} : { Cmd: command };
      const body = { ...asked, ...(entrypoint && { Entrypoint: entrypoint }) };
      expect(behindGate(body, image, PLACE)).toEqual({ Entrypoint: GATE, Cmd: program });
    },
  );

  it.each([
    [{}, {}],
    [{ Entrypoint: [""] }, { Entrypoint: ["cat"], Cmd: ["a"] }],
    [{ Entrypoint: [""] }, {}],
  ])("leaves %j alone where docker finds no program", (body, image) => {
    expect(behindGate(body, image, PLACE)).toBe(body);
  });
});

describe("behindGate: the health check", () => {
  const image = { Cmd: ["serve"] };

  it.each([
    ["none", undefined, undefined, undefined, undefined],
    ["the image's CMD", ["CMD", "a", "b"], undefined, undefined, ["CMD", ...GATE, "a", "b"]],
    [
      "the image's CMD-SHELL",
      ["CMD-SHELL", "a || b"],
      undefined,
      undefined,
      ["CMD", ...GATE, "/bin/sh", "-c", "a || b"],
    ],
    [
      "with the image's SHELL",
      ["CMD-SHELL", "a"],
      ["/bin/ash", "-ec"],
      undefined,
      ["CMD", ...GATE, "/bin/ash", "-ec", "a"],
    ],
    ["switched off in the image", ["NONE"], undefined, undefined, undefined],
    ["the request's", ["CMD", "a"], undefined, ["CMD", "b"], ["CMD", ...GATE, "b"]],
    ["switched off in the request", ["CMD", "a"], undefined, ["NONE"], ["NONE"]],
    ["times only in the request", ["CMD", "a"], undefined, [], ["CMD", ...GATE, "a"]],
  ] as [string, Words, Words, Words, Words][])("%s", (...[, inImage, Shell, asked, Test]) => {
    const config = {
      ...image,
      ...(Shell && { Shell }),
      ...(inImage && { Healthcheck: { Test: inImage, Interval: 5 } }),
    };
    const body = asked === undefined ? {} : { Healthcheck: { Test: asked, Retries: 9 } };
    const made = behindGate<typeof body & { Healthcheck?: { Test?: readonly string[] } }>(
      body,
      config,
      PLACE,
    );
    expect(made.Healthcheck?.Test).toEqual(Test);
    // what the request leaves out, the engine takes from the image
    const retries = asked === undefined ? undefined : 9;
    expect((made.Healthcheck as { Retries?: number } | undefined)?.Retries).toBe(retries);
  });
});

describe("behindGate: wait", () => {
  it("is for the program only", () => {
    const image = { Cmd: ["serve"], Healthcheck: { Test: ["CMD", "check"] } };
    const made = behindGate({}, image, { ...PLACE, mode: "wait" });
    expect(made).toEqual({
      Entrypoint: [PLACE.path, "wait", GATE[2]],
      Cmd: ["serve"],
      Healthcheck: { Test: ["CMD", ...GATE, "check"] },
    });
  });
});

describe("gateOf", () => {
  it("knows a container behind the gate by its entrypoint, whichever way it came in", () => {
    expect(gateOf(GATE)).toEqual(GATE);
    const other = { ...PLACE, path: "/run/sealmount-gate/0123456789abcdef" };
    const waiting = gateWords({ ...other, mode: "wait" });
    expect(gateOf(waiting)).toEqual(gateWords(other));
  });

  it("names what a new program's own variables are to win over", () => {
    expect(gateOf(GATE, ["A", "B"])).toEqual([GATE[0], "now,A,B", GATE[2]]);
  });

  it.each([[undefined], [null], [[]], [["sh"]], [["/run/sealmount-gate/gate"]], [["x", ...GATE]]])(
    "%j is none",
    (entrypoint) => {
      expect(gateOf(entrypoint)).toBeNull();
    },
  );
});

describe("gateFor", () => {
  const linux = (Architecture: string): { Os: string; Architecture: string } => ({
    Os: "linux",
    Architecture,
  });

  it.each([
    [linux("amd64"), undefined, 62],
    [linux("arm64"), undefined, 183],
    [linux("amd64"), "linux/arm64", 183],
    [linux("amd64"), "linux/arm64/v8", 183],
    [linux("arm64"), "linux/x86_64", 62],
    [linux("arm64"), "linux", 183],
  ])("%j with --platform %s is for ELF machine %i", async (image, platform, machine) => {
    const { bytes, digest } = await gateFor(image, platform);
    expect(bytes.readUInt16LE(18)).toBe(machine);
    const { createHash } = await import("node:crypto");
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(digest);
  });

  it.each([
    [{ Os: "windows", Architecture: "amd64" }, undefined],
    [linux("s390x"), undefined],
    [linux("arm"), undefined],
    [linux("amd64"), "linux/386"],
    [linux("amd64"), "windows/amd64"],
  ])("refuses %j with --platform %s, and says how to go on", async (image, platform) => {
    await expect(gateFor(image, platform)).rejects.toMatchObject({
      code: "DELIVERY_FAILED",
      hint: expect.stringContaining("--env-as-file"),
    });
  });
});
