import { describe, expect, it } from "vitest";

import type { BuildSecrets } from "../../../src/build/options.ts";
import { ServedSecrets } from "../../../src/build/served-secrets.ts";
import { UnsealError } from "../../../src/errors.ts";
import { Secret } from "../../../src/secret/secret.ts";

interface Vault extends BuildSecrets {
  readonly asked: string[];
}

function vault(values: Readonly<Record<string, string>>): Vault {
  const asked: string[] = [];
  return {
    asked,
    ids: Object.keys(values),
    async open(id) {
      asked.push(id);
      const value = values[id];
      return value === undefined ? null : Secret.take(id, Buffer.from(value));
    },
  };
}

const never = (error: Error): void => {
  throw error;
};

describe("what a build serves", () => {
  it("opens what is asked for, counts it, and leaves the vault's Secret alone", async () => {
    const secrets = vault({ tok: "canary-1", other: "canary-2" });
    const served = new ServedSecrets(secrets, { onFailure: never });
    expect(String(await served.get("tok"))).toBe("canary-1");
    expect(String(await served.get("tok"))).toBe("canary-1");
    expect(served.opened).toEqual(new Map([["tok", 2]]));
    expect(secrets.asked).toEqual(["tok", "tok"]);
  });

  it.each(["GIT_AUTH_TOKEN", "GIT_AUTH_HEADER.github.com", "HTTP_AUTH_TOKEN_x", "__proto__", ""])(
    "does not even ask the vault for %j when it is not declared",
    async (id) => {
      const secrets = vault({ tok: "v" });
      const served = new ServedSecrets(secrets, { onFailure: never });
      expect(await served.get(id)).toBeNull();
      expect(secrets.asked).toEqual([]);
      expect(served.opened.size).toBe(0);
    },
  );

  it("serves GIT_AUTH_TOKEN when somebody declared it", async () => {
    const served = new ServedSecrets(vault({ GIT_AUTH_TOKEN: "v" }), { onFailure: never });
    expect(String(await served.get("GIT_AUTH_TOKEN"))).toBe("v");
  });

  it("RI37: a value over 500 KiB is BUILD_SECRET_SIZE, without its length", async () => {
    const failures: Error[] = [];
    const secrets = vault({ big: "x".repeat(512_001), fits: "x".repeat(512_000) });
    const served = new ServedSecrets(secrets, { onFailure: (error) => failures.push(error) });
    expect(await served.get("fits")).toHaveLength(512_000);
    await expect(served.get("big")).rejects.toMatchObject({ code: "BUILD_SECRET_SIZE" });
    expect(failures).toMatchObject([{ code: "BUILD_SECRET_SIZE", exitCode: 7 }]);
    expect(String(failures[0])).not.toContain("512001");
    expect(served.opened.has("big")).toBe(false);
  });

  it("tells why a value did not open: the engine hears only that it did not", async () => {
    const failures: Error[] = [];
    const wrongKey = new UnsealError("UNSEAL_WRONG_KEY", "sealed for another key");
    const secrets = { ids: ["tok"], open: async () => Promise.reject(wrongKey) };
    const served = new ServedSecrets(secrets, { onFailure: (error) => failures.push(error) });
    await expect(served.get("tok")).rejects.toBe(wrongKey);
    expect(failures).toEqual([wrongKey]);
  });
});
