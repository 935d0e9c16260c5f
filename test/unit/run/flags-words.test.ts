import { describe, expect, it } from "vitest";

import type { ContainerOptions } from "../../../src/run/container-options.ts";
import {
  checkDetachKeys,
  checkNamespace,
  parseAddHost,
  parseAttach,
  parseLabels,
  parseLogging,
  parseSecurity,
  parseStorageOptions,
  parseSysctls,
} from "../../../src/run/flags/words.ts";
import { healthcheckOf } from "../../../src/run/health.ts";

const usage = expect.objectContaining({ code: "USAGE", exitCode: 2 }) as Error;
const none = new Map<string, string>();

describe("--add-host", () => {
  it.each([
    ["a:1.2.3.4", "a:1.2.3.4"],
    ["a=1.2.3.4", "a:1.2.3.4"],
    ["a=[::1]", "a:::1"],
    ["a:::1", "a:::1"],
    ["a:host-gateway", "a:host-gateway"],
  ])("%s", (text, line) => {
    expect(parseAddHost(text)).toBe(line);
  });

  it.each(["a", "a:b", ":1.2.3.4", "=1.2.3.4", "a:b=1.2.3.4", "a=[]"])("refuses %j", (text) => {
    expect(() => parseAddHost(text)).toThrow(usage);
  });
});

describe("--label and its kind", () => {
  it("reads pairs, the last one of a key", () => {
    expect(parseLabels(["a=1", "b", "c=x=y", "a="])).toEqual({ a: "", b: "", c: "x=y" });
    expect(parseSysctls(["net.a=1", "kernel.shmmax=2"])).toEqual({
      "net.a": "1",
      "kernel.shmmax": "2",
    });
    expect(parseStorageOptions(["size=1G"])).toEqual({ size: "1G" });
  });

  it.each(["=x", "", " =x", "a b=c", "a\tb", "sealmount.run=1"])("refuses label %j", (text) => {
    expect(() => parseLabels([text])).toThrow(usage);
  });

  it.each(["net.a", "kernel.x=1", "kernel.shmmaxx=1", "vm.swappiness=1", ""])(
    "refuses sysctl %j",
    (text) => {
      expect(() => parseSysctls([text])).toThrow(usage);
    },
  );

  it("refuses a storage option without a value", () => {
    expect(() => parseStorageOptions(["size"])).toThrow(usage);
  });
});

describe("--security-opt", () => {
  it("passes on what is not a file", () => {
    const texts = ["no-new-privileges", "no-new-privileges:false", "label:disable", "a=b:c"];
    expect(parseSecurity(texts, none)).toEqual({ SecurityOpt: texts });
  });

  it("clears the paths of /proc that are hidden, only when asked to", () => {
    const free = parseSecurity(["label=disable", "systempaths=unconfined"], none);
    expect(free).toEqual({ SecurityOpt: ["label=disable"], MaskedPaths: [], ReadonlyPaths: [] });
  });

  it.each(["", "what", "what=", "what:", "no-new-privilegesx"])("refuses %j", (text) => {
    expect(() => parseSecurity([text], none)).toThrow(usage);
  });
});

describe("--log-driver", () => {
  it("keeps its options", () => {
    expect(parseLogging(undefined, [])).toEqual({});
    expect(parseLogging("x", ["a=1", "b"])).toEqual({ Type: "x", Config: { a: "1", b: "" } });
    expect(parseLogging(undefined, ["a=1"])).toEqual({ Config: { a: "1" } });
  });

  it("takes none for none, without showing them", () => {
    const bad = (): unknown => parseLogging("none", ["token=hunter2canary"]);
    expect(bad).toThrow(expect.objectContaining({ code: "USAGE_CONFLICT" }));
    expect(bad).not.toThrow(/hunter2/);
  });
});

describe("modes, streams and keys", () => {
  it.each([
    ["pid", ["", "host", "container:x"], ["x", "container:", "container", "private"]],
    ["uts", ["", "host"], ["x", "private"]],
    ["userns", ["", "host"], ["x"]],
    ["cgroupns", ["", "host", "private"], ["x"]],
  ] as const)("--%s", (option, taken, refused) => {
    for (const text of taken) expect(checkNamespace(option, text)).toBe(text);
    for (const text of refused) expect(() => checkNamespace(option, text)).toThrow(usage);
  });

  it("--attach in any case", () => {
    expect([...parseAttach(["STDIN", "stdout", "stdout"])]).toEqual(["stdin", "stdout"]);
    expect(() => parseAttach(["stdin", ""])).toThrow(usage);
  });

  it.each([
    "",
    "a",
    "ctrl-a",
    "ctrl-p,ctrl-q",
    "ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_",
    "a,b,c",
  ])("--detach-keys %s", (text) => {
    expect(checkDetachKeys(text)).toBe(text);
  });

  it.each(["ab", "ctrl-", "ctrl-A", "ctrl-aa", "Ctrl-a", "a,", ",", "\u00e9", "ctrl-1"])(
    "refuses --detach-keys %j",
    (text) => {
      expect(() => checkDetachKeys(text)).toThrow(usage);
    },
  );
});

describe("--health-…", () => {
  const cases: [ContainerOptions, object | undefined][] = [
    [{}, undefined],
    [{ healthCmd: "" }, undefined],
    [{ healthRetries: "0", healthInterval: "0s" }, undefined],
    [{ healthCmd: "x y" }, { Test: ["CMD-SHELL", "x y"] }],
    [{ healthInterval: "1m" }, { Interval: 6e10 }],
    [
      {
        healthCmd: "x",
        healthTimeout: "1s",
        healthRetries: "3",
        healthStartPeriod: "2s",
        healthStartInterval: "3s",
      },
      {
        Test: ["CMD-SHELL", "x"],
        Timeout: 1e9,
        Retries: 3,
        StartPeriod: 2e9,
        StartInterval: 3e9,
      },
    ],
    [{ noHealthcheck: true }, { Test: ["NONE"] }],
    [{ noHealthcheck: true, healthCmd: "", healthRetries: "0" }, { Test: ["NONE"] }],
    [{ noHealthcheck: false, healthCmd: "x" }, { Test: ["CMD-SHELL", "x"] }],
  ];
  it.each(cases)("%o", (options, check) => {
    expect(healthcheckOf(options)).toEqual(check);
  });

  const refused: [ContainerOptions, string][] = [
    [{ noHealthcheck: true, healthCmd: "x" }, "USAGE_CONFLICT"],
    [{ noHealthcheck: true, healthInterval: "1s" }, "USAGE_CONFLICT"],
    [{ healthInterval: "-1s" }, "USAGE"],
    [{ healthTimeout: "x" }, "USAGE"],
    [{ healthRetries: "-1" }, "USAGE"],
    [{ healthRetries: "1.5" }, "USAGE"],
  ];
  it.each(refused)("refuses %o", (options, code) => {
    expect(() => healthcheckOf(options)).toThrow(expect.objectContaining({ code }));
  });
});
