import { describe, expect, it } from "vitest";

import { refuseTooNew } from "../../../src/run/api-needs.ts";
import type { ContainerOptions } from "../../../src/run/container-options.ts";

describe("what an old engine would leave out", () => {
  const cases: [ContainerOptions, string, string][] = [
    [{ annotation: ["a=b"] }, "1.42", "1.43"],
    [{ healthStartInterval: "1s" }, "1.43", "1.44"],
    [{ network: ["a", "b"] }, "1.43", "1.44"],
    [{ network: "name=a,mac-address=02:42:ac:11:00:02" }, "1.43", "1.44"],
    [{ network: "name=a,gw-priority=0" }, "1.47", "1.48"],
    [{ mount: ["type=bind,src=/a,dst=/b,ro,bind-recursive=writable"] }, "1.43", "1.44"],
    [{ mount: ["src=a,dst=/b,volume-subpath=c"] }, "1.44", "1.45"],
    [{ mount: ["type=image,src=a,dst=/b"] }, "1.47", "1.48"],
  ];
  it.each(cases)("%o is refused at %s and taken at %s", (options, before, since) => {
    expect(() => refuseTooNew(options, before)).toThrow(
      expect.objectContaining({ code: "DOCKER_TOO_OLD" }),
    );
    expect(() => refuseTooNew(options, since)).not.toThrow();
  });

  it("is nothing of what every engine has", () => {
    const options = { network: "a", annotation: [], macAddress: "x", mount: ["dst=/a"] };
    expect(() => refuseTooNew(options, "1.41")).not.toThrow();
  });
});
