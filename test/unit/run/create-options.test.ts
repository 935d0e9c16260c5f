import { describe, expect, it } from "vitest";

import { planRun } from "../../../src/run/plan.ts";
import {
  bodyOf,
  type CreateOptions,
  optionsOf,
  requestOf,
  withoutNames,
} from "../../../src/run/launcher/create-options.ts";

/** What `optionsOf` always says. */
const DETACHED = { detach: true, volume: [] };

describe("optionsOf", () => {
  it.each<[string, CreateOptions, object]>([
    ["nothing", {}, DETACHED],
    [
      "user and working folder",
      { User: "app", WorkingDir: "/srv" },
      { ...DETACHED, user: "app", workdir: "/srv" },
    ],
    ["empty texts are the image's own", { User: "", WorkingDir: "" }, DETACHED],
    [
      "every target, whatever mounts there",
      {
        Volumes: { "/v": {} },
        HostConfig: {
          Binds: ["/a:/b:ro", "name:/c"],
          Mounts: [{ Target: "/m" }],
          Tmpfs: { "/t": "size=1m" },
        },
      },
      { ...DETACHED, volume: ["/b", "/c", "/m", "/t", "/v"] },
    ],
    [
      "restart policies",
      { HostConfig: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } } },
      { ...DETACHED, restart: "on-failure:3" },
    ],
    ["no policy", { HostConfig: { RestartPolicy: { Name: "" } } }, DETACHED],
  ])("%s", (_title, request, options) => {
    expect(JSON.parse(JSON.stringify(optionsOf(request)))).toEqual(options);
    expect(() => planRun({ image: "x", container: optionsOf(request), env: {} })).not.toThrow();
  });
});

describe("bodyOf and requestOf", () => {
  const { signal } = new AbortController();
  const request = {
    name: "cats",
    platform: "linux/amd64",
    Image: "cats",
    Env: ["A=1"],
    HostConfig: { Memory: 1 },
    abortSignal: signal,
  };

  it("split a request into body and query, and keep what dockerode reads itself", () => {
    const body = bodyOf(request);
    expect(body).toEqual({ Image: "cats", HostConfig: { Memory: 1 } });
    expect(requestOf(request, body)).toEqual({
      abortSignal: signal,
      _query: { name: "cats", platform: "linux/amd64" },
      _body: body,
    });
  });

  it.each<[CreateOptions, object]>([
    [
      { Entrypoint: "/bin/cats", Cmd: "purr" },
      { Entrypoint: ["/bin/cats"], Cmd: ["purr"] },
    ],
    [{ Entrypoint: "" }, { Entrypoint: [""] }],
    [
      { Entrypoint: ["a", "b"], Cmd: [] },
      { Entrypoint: ["a", "b"], Cmd: [] },
    ],
    [
      { Entrypoint: null, Cmd: null },
      { Entrypoint: null, Cmd: null },
    ],
  ])("a program as one text is one word: %j", (given, words) => {
    expect(bodyOf(given)).toEqual({ HostConfig: {}, ...words });
  });

  it("need no name, platform or HostConfig", () => {
    const body = bodyOf({ Image: "cats" });
    expect(body).toEqual({ Image: "cats", HostConfig: {} });
    expect(requestOf({ Image: "cats" }, body)).toEqual({ _query: {}, _body: body });
  });
});

it("a variable without a value is not the client's", () => {
  const env = { A: "1", B: "2", C: "3" };
  expect(withoutNames(env, { Env: ["A", "B=x"] })).toEqual({ B: "2", C: "3" });
});
