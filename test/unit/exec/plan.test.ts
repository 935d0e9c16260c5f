import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors.ts";
import { planExec } from "../../../src/exec/plan.ts";

describe("planExec", () => {
  it("IX20: is names only", () => {
    const plan = planExec({
      command: ["npm", "start"],
      entries: [
        { name: "API_KEY" },
        { name: "GCP", file: { path: "/run/secrets/gcp.json", mode: 0o440 } },
        { name: "my-secret/tls.crt", file: { path: "/app/tls.crt" } },
      ],
    });
    expect(plan).toEqual({
      command: ["npm", "start"],
      variables: ["API_KEY"],
      files: [
        { name: "GCP", variable: "GCP_FILE", path: "GCP/gcp.json", mode: 0o440 },
        {
          name: "my-secret/tls.crt",
          variable: "my_secret_tls_crt_FILE",
          path: "my_secret_tls_crt/tls.crt",
          mode: 0o600,
        },
      ],
    });
  });

  it.each([[[]], [[""]]])("refuses the command %j", (command) => {
    expect(() => planExec({ command, entries: [] })).toThrow(UsageError);
  });

  it("refuses two values for one variable", () => {
    const file = { path: "x" };
    const plan = (names: string[]): unknown =>
      planExec({ command: ["x"], entries: names.map((name) => ({ name, file })) });
    expect(() => plan(["a-b", "a_b"])).toThrow(/would both be a_b_FILE/);
    expect(() =>
      planExec({ command: ["x"], entries: [{ name: "A", file }, { name: "A_FILE" }] }),
    ).toThrow(/A and A_FILE would both be A_FILE/);
  });
});
