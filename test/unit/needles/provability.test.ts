import { describe, expect, it } from "vitest";
import { provability } from "../../../src/needles/provability.ts";
import { Secret } from "../../../src/secret/secret.ts";

describe("provability", () => {
  it.each([
    ["", "too-short"],
    ["x7#Q", "too-short"],
    ["1234567", "common"],
    ["7654321", "too-short"],
    ["  7654321 \n", "too-short"],
    ["x7#Qp0zL", "provable"],
    ["hunter22", "provable"],
    ["true", "common"],
    ["TRUE\n", "common"],
    ["3000", "common"],
    ["password", "common"],
    ["PassWord", "common"],
    ["Passw0rd", "provable"],
    ["http://localhost:3000", "common"],
    ["00000000", "common"],
    ["--------------------", "common"],
    ["correct horse battery staple", "provable"],
  ] as const)("RI18: %j is %s", (value, expected) => {
    expect(provability(Secret.take("NAME", Buffer.from(value)))).toBe(expected);
  });
});
