import { describe, expect, it } from "vitest";

import {
  parseByteRate,
  parseDeviceRule,
  parseDevices,
  parseRate,
  parseWeightDevice,
} from "../../../src/run/flags/devices.ts";
import { parseGpus } from "../../../src/run/flags/gpus.ts";

const usage = expect.objectContaining({ code: "USAGE", exitCode: 2 }) as Error;

describe("--device", () => {
  it.each([
    ["/dev/a", "/dev/a", "/dev/a", "rwm"],
    ["/dev/a:/dev/b", "/dev/a", "/dev/b", "rwm"],
    ["/dev/a:r", "/dev/a", "/dev/a", "r"],
    ["/dev/a:/dev/b:mw", "/dev/a", "/dev/b", "mw"],
    ["a:/dev/b", "a", "/dev/b", "rwm"],
  ])("%s", (text, source, target, permissions) => {
    expect(parseDevices([text]).paths).toEqual([
      { PathOnHost: source, PathInContainer: target, CgroupPermissions: permissions },
    ]);
  });

  it("tells names of the Container Device Interface from paths", () => {
    expect(parseDevices(["vendor.com/class=all", "/dev/a", "nvidia.com/gpu=0:1"])).toMatchObject({
      cdi: ["vendor.com/class=all", "nvidia.com/gpu=0:1"],
      paths: [{ PathOnHost: "/dev/a" }],
    });
  });

  it.each(["", ":", "a", "a:r", "/a:b", "/a:", "/a:/b:", "/a:/b:x", "/a:/b:rr", "/a:/b:r:w"])(
    "refuses %j",
    (text) => {
      expect(() => parseDevices([text])).toThrow(usage);
    },
  );
});

describe("rules and rates of devices", () => {
  it("reads what docker reads", () => {
    expect(parseDeviceRule("c 1:* rwm")).toBe("c 1:* rwm");
    expect(parseByteRate("/dev/a:1mb", "x")).toEqual({ Path: "/dev/a", Rate: 1_048_576 });
    expect(parseRate("/dev/a:7", "x")).toEqual({ Path: "/dev/a", Rate: 7 });
    expect(parseWeightDevice("/dev/a:0")).toEqual({ Path: "/dev/a", Weight: 0 });
    expect(parseWeightDevice("/dev/a:1000")).toEqual({ Path: "/dev/a", Weight: 1000 });
  });

  it.each([
    ["c 1:1", parseDeviceRule],
    ["x 1:1 r", parseDeviceRule],
    ["c 1:1 x", parseDeviceRule],
    ["/dev/a", (text: string) => parseByteRate(text, "x")],
    ["a:1", (text: string) => parseByteRate(text, "x")],
    ["/dev/a:-1", (text: string) => parseByteRate(text, "x")],
    ["/dev/a:1m", (text: string) => parseRate(text, "x")],
    ["/dev/a:-1", (text: string) => parseRate(text, "x")],
    ["/dev/a:9", parseWeightDevice],
    ["/dev/a:1001", parseWeightDevice],
  ])("refuses %j", (text, parse: (text: string) => unknown) => {
    expect(() => parse(text)).toThrow(usage);
  });
});

describe("--gpus", () => {
  it.each([
    ["all", { Count: -1, Capabilities: [["gpu"]] }],
    ["2", { Count: 2, Capabilities: [["gpu"]] }],
    ["count=3", { Count: 3, Capabilities: [["gpu"]] }],
    ["driver=x", { Driver: "x", Count: 1, Capabilities: [["gpu"]] }],
    ["device=GPU-1", { DeviceIDs: ["GPU-1"], Capabilities: [["gpu"]] }],
    ['"device=0,1"', { DeviceIDs: ["0", "1"], Capabilities: [["gpu"]] }],
    ['all,"capabilities=a,b"', { Count: -1, Capabilities: [["a", "b", "gpu"]] }],
    ['all,"options=a=1,b"', { Count: -1, Capabilities: [["gpu"]], Options: { a: "1", b: "" } }],
  ])("%s", (text, request) => {
    expect(parseGpus(text)).toEqual(request);
  });

  it.each(["", "x", "what=1", "all,2", "count=1,count=1", "1,count=1", '"device=0', "__proto__=1"])(
    "refuses %j",
    (text) => {
      expect(() => parseGpus(text)).toThrow(usage);
    },
  );
});
