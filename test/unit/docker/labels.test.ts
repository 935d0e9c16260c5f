import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";

import { currentOwner, isAlive, labelsOf } from "../../../src/docker/labels.ts";

describe("owners", () => {
  it("knows this process as alive", () => {
    expect(isAlive(currentOwner())).toBe(true);
    expect(labelsOf("r", "helper")).toMatchObject({
      "sealmount.run": "r",
      "sealmount.role": "helper",
      "sealmount.owner": currentOwner(),
    });
  });

  it("knows a process that ended as gone", async () => {
    const child = spawn("true");
    const { pid = 0 } = child;
    await once(child, "exit");
    expect(isAlive(currentOwner().replace(/^\d+/, String(pid)))).toBe(false);
  });

  it("does not take a reused process id for the owner", () => {
    expect(isAlive(currentOwner().replace(/\.\d+@/, ".1@"))).toBe(false);
  });

  it.each(["", "x", "1.2@zz", "1.1@000000000000"])("can't tell of %j", (owner) => {
    expect(isAlive(owner)).toBeUndefined();
  });
});
