import { describe, expect, it } from "vitest";
import { isPluginCall, pluginMetadata, stripPluginWords } from "../../../src/cli/plugin.ts";

describe("the docker CLI plugin", () => {
  it("answers who it is", () => {
    expect(JSON.parse(pluginMetadata("1.2.3"))).toEqual({
      SchemaVersion: "0.1.0",
      Vendor: "sealmount",
      Version: "1.2.3",
      ShortDescription: expect.stringMatching(/^[A-Z].{10,60}$/),
    });
  });

  it.each([
    ["docker-sealmount", {}, ["sealmount", "ls"], true],
    ["docker-sealmount.exe", {}, ["sealmount", "ls"], true],
    ["linked", { DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: "docker" }, ["sealmount", "ls"], true],
    ["sealmount", { DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: "docker" }, ["ls"], false],
    ["sealmount", {}, ["run", "sealmount"], false],
  ])("%s with %j and %j: a plugin call is %s", (program, env, argv, expected) => {
    expect(isPluginCall(program, env, argv)).toBe(expected);
  });

  it.each([
    [["sealmount", "ls"], ["ls"], {}],
    [["-H", "tcp://a:1", "sealmount", "ls"], ["ls"], { DOCKER_HOST: "tcp://a:1" }],
    [["--host=tcp://a:1", "sealmount", "ls"], ["ls"], { DOCKER_HOST: "tcp://a:1" }],
    [["--context", "prod", "sealmount"], [], { DOCKER_CONTEXT: "prod", DOCKER_HOST: undefined }],
    [
      ["--config", "/c", "-D", "sealmount", "ls"],
      ["ls"],
      { DOCKER_CONFIG: "/c", SEALMOUNT_DEBUG: "1" },
    ],
    [["--tlsverify", "--tlscacert", "ca", "sealmount"], [], { DOCKER_TLS_VERIFY: "1" }],
    [["-l", "debug", "sealmount", "run", "sealmount"], ["run", "sealmount"], {}],
    [["--unknown", "sealmount", "ls"], ["--unknown", "sealmount", "ls"], {}],
    [["ls"], ["ls"], {}],
    [[], [], {}],
  ])("%j becomes %j with %j", (argv, words, settings) => {
    const base = { DOCKER_HOST: "unix:///old" };
    expect(stripPluginWords(argv, base)).toEqual({ argv: words, env: { ...base, ...settings } });
  });
});
