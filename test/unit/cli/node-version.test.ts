import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OLDEST_NODE, tooOldText } from "../../../src/cli/node-version.ts";

describe("an old Node", () => {
  it.each(["20.20.2", "22.14.0", "18.0.0", "21.99.0"])(
    "%s is told, with the way out",
    (version) => {
      const [error = "", hint = ""] = tooOldText(version)?.split("\n") ?? [];
      expect(error).toContain(
        `this is Node ${version}, and sealmount needs 22.15 or newer [USAGE]`,
      );
      expect(hint).toMatch(/^sealmount: hint: install Node 24/u);
    },
  );

  it.each(["22.15.0", "22.22.1", "23.0.0", "24.3.0", "100.0.0"])("%s is none", (version) => {
    expect(tooOldText(version)).toBeUndefined();
  });

  it("is the same for npm and the README", async () => {
    const root = join(import.meta.dirname, "..", "..", "..");
    expect(await readFile(join(root, "package.json"), "utf8")).toContain(`">=${OLDEST_NODE}"`);
    expect(await readFile(join(root, "README.md"), "utf8")).toContain(
      `Node ${OLDEST_NODE} or newer`,
    );
  });
});
