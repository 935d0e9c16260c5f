import { describe, expect, it } from "vitest";

import { FlagMask } from "../../../src/build/flag-mask.ts";
import { ServedSecrets } from "../../../src/build/served-secrets.ts";
import { isGitId, SourceLogins } from "../../../src/build/source-logins.ts";
import { Secret } from "../../../src/secret/secret.ts";
import type { AuthStore } from "../../../src/session/auth/service.ts";

const TOKEN = "canary-e0b7-Ferret/Lime";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

interface Store extends AuthStore {
  readonly asked: string[];
}

function storeOf(host: string, username: string): Store {
  const asked: string[] = [];
  return {
    asked,
    async credentials(name) {
      asked.push(name);
      return name === host ? { username, secret: Secret.take("git", Buffer.from(TOKEN)) } : null;
    },
  };
}

async function served(id: string, host: string, username = ""): Promise<string | null> {
  using logins = new SourceLogins(storeOf(host, username));
  return (await logins.open(id))?.use(String) ?? null;
}

describe("logins for sources", () => {
  it.each([
    ["GIT_AUTH_TOKEN.h:8443", "", TOKEN],
    ["GIT_AUTH_HEADER.h:8443", "", null],
    ["GIT_AUTH_TOKEN.h:8443", "bot", null],
    ["GIT_AUTH_HEADER.h:8443", "bot", `basic ${base64(`bot:${TOKEN}`)}`],
    ["HTTP_AUTH_TOKEN_h:8443", "", TOKEN],
    ["HTTP_AUTH_HEADER_h:8443", "", null],
    ["HTTP_AUTH_HEADER_h:8443", "bot", `basic ${base64(`bot:${TOKEN}`)}`],
    ["HTTP_AUTH_TOKEN_h:8443", "bot", null],
  ])("%s, user %j", async (id, username, value) => {
    expect(await served(id, "h:8443", username)).toBe(value);
  });

  it.each([
    "GIT_AUTH_TOKEN",
    "GIT_AUTH_HEADER",
    "GIT_AUTH_TOKEN.",
    "GIT_AUTH_TOKEN.H",
    "GIT_AUTH_TOKEN.h.example",
    "GIT_AUTH_TOKEN.x.h",
    "GIT_AUTH_TOKEN.h:80",
    "GIT_AUTH_TOKEN_h",
    "HTTP_AUTH_TOKEN.h",
    "XGIT_AUTH_TOKEN.h",
    "git_auth_token.h",
    "h",
    "",
  ])("%j gets nothing of the host h", async (id) => {
    expect(await served(id, "h")).toBeNull();
  });

  it("opens the login of a host once", async () => {
    const store = storeOf("h", "");
    using logins = new SourceLogins(store);
    await Promise.all([logins.open("GIT_AUTH_TOKEN.h"), logins.open("GIT_AUTH_HEADER.h")]);
    expect(store.asked).toEqual(["h"]);
  });

  it("gives the mask the token and what git makes of it", async () => {
    using logins = new SourceLogins(storeOf("h", ""));
    using mask = new FlagMask(() => logins.opened, undefined);
    expect(mask.text(TOKEN)).toBe(TOKEN);
    await logins.open("GIT_AUTH_TOKEN.h");
    const header = `http.x.extraheader=Authorization: basic ${base64(`x-access-token:${TOKEN}`)}`;
    expect(mask.text(`${TOKEN} ${header}`)).toBe("*** http.x.extraheader=Authorization: basic ***");
  });

  it("knows which of them git shows", () => {
    const ids = ["GIT_AUTH_TOKEN", "GIT_AUTH_HEADER.h", "HTTP_AUTH_TOKEN_h", "GIT_AUTH_TOKENS"];
    expect(ids.filter(isGitId)).toEqual(["GIT_AUTH_TOKEN", "GIT_AUTH_HEADER.h"]);
  });
});

describe("serving them", () => {
  const secrets = {
    ids: ["GIT_AUTH_TOKEN.h", "tok"],
    open: async (id: string) => Secret.take(id, Buffer.from(`declared ${id}`)),
  };

  it("a secret that is declared by that very name wins", async () => {
    const store = storeOf("h", "");
    const opened: string[] = [];
    using logins = new SourceLogins(store);
    const serving = new ServedSecrets(secrets, {
      onFailure: (error) => expect.unreachable(error.message),
      onOpened: (id) => opened.push(id),
      logins,
    });
    expect(String(await serving.get("GIT_AUTH_TOKEN.h"))).toBe("declared GIT_AUTH_TOKEN.h");
    expect(String(await serving.get("HTTP_AUTH_TOKEN_h"))).toBe(TOKEN);
    expect(await serving.get("HTTP_AUTH_TOKEN_other")).toBeNull();
    expect([store.asked, opened]).toEqual([
      ["h", "other"],
      ["GIT_AUTH_TOKEN.h", "HTTP_AUTH_TOKEN_h"],
    ]);
  });

  it("each opening is told once, and none that failed", async () => {
    const opened: string[] = [];
    const failures: Error[] = [];
    const serving = new ServedSecrets(
      {
        ids: ["tok", "bad"],
        async open(id) {
          if (id === "bad") throw new Error("does not open");
          return Secret.take(id, Buffer.from("v"));
        },
      },
      { onFailure: (error) => failures.push(error), onOpened: (id) => opened.push(id) },
    );
    await Promise.all([serving.get("tok"), serving.get("tok"), serving.get("none")]);
    await expect(serving.get("bad")).rejects.toThrow("does not open");
    expect([opened, failures.length]).toEqual([["tok", "tok"], 1]);
  });
});
