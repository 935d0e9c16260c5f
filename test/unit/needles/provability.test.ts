import { randomInt } from "node:crypto";
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
    ["87654321", "common"],
    ["76543210987", "common"],
    ["98765432109", "common"],
    ["abcabcabcabc", "common"],
    ["12341234", "common"],
    ["x7#Qx7#Qx7#Q", "common"],
    ["qwertyuiop", "common"],
    ["1qaz2wsx", "common"],
    ["asdf-1234", "common"],
    ["abc123xyz", "common"],
    ["aaaabbbbcccc", "common"],
    ["11111111-2222-3333-4444-555555555555", "common"],
    ["postgres-password", "common"],
    ["Admin1234!", "common"],
    ["password1", "common"],
    ["testuser2024", "common"],
    ["postgres://postgres:postgres@localhost:5432/postgres", "common"],
    ["postgres://postgres:postgres@localhost:5434/postgres", "provable"],
    ["postgres://postgres:postgres@localhost/postgres", "common"],
    ["2024-01-31", "common"],
    ["31.01.2024", "common"],
    ["20240131", "common"],
    ["20249931", "provable"],
    ["31012024", "provable"],
    ["192.168.1.1", "common"],
    ["AKIAIOSFODNN7EXAMPLE", "common"],
    ["d41d8cd98f00b204e9800998ecf8427e", "common"],
    ["49201758", "provable"],
    ["12387612", "provable"],
    ["supersecret", "provable"],
    // each of them hundreds of times in ordinary files
    ["security", "common"],
    ["Application", "common"],
    ["github.com", "common"],
    ["linux/amd64", "common"],
    ["support@example.com", "common"],
    ["security-7Qx", "provable"],
    ["#!$%&*()", "provable"],
    ["password-7Qx", "provable"],
    ["ab".repeat(40), "common"],
  ] as const)("RI18: %j is %s", (value, expected) => {
    expect(provability(Secret.take("NAME", Buffer.from(value)))).toBe(expected);
  });

  it("8 random digits are provable: fewer than one of 500 looks like a date or a sequence", () => {
    const values = Array.from({ length: 5000 }, () => String(randomInt(1e8)).padStart(8, "0"));
    const common = values.filter(
      (value) => provability(Secret.take("PIN", Buffer.from(value))) !== "provable",
    );
    expect(common.length).toBeLessThan(10);
  });
});
