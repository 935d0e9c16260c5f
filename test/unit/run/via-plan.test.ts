import { describe, expect, it } from "vitest";

import { DOCKER_RUN } from "../../../src/cli/specs/docker-run.ts";
import type { PlanEntry } from "../../../src/run/options.ts";
import {
  argumentsOf,
  imageOf,
  mountRecord,
  optionFlags,
  planRunVia,
  type RunViaRequest,
} from "../../../src/run/via-plan.ts";

/** Every flag of docker's that `run` takes, with the name that the library has for it. */
const OPTIONS = DOCKER_RUN.filter(({ refused, hidden }) => refused === undefined && !hidden).map(
  ({ long, value }) => {
    const flag = long === "env-var" ? "env" : long;
    const name = flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    return { flag, name, isSwitch: value === undefined };
  },
);

const entry = (name: string, more: Partial<PlanEntry> = {}): PlanEntry => ({
  name,
  sensitive: true,
  ...more,
});

function request(more: Partial<RunViaRequest> = {}): RunViaRequest {
  return { tool: "docker", words: ["cats"], env: {}, ...more };
}

describe("optionFlags", () => {
  it.each(OPTIONS)("--$flag", ({ flag, name, isSwitch }) => {
    const value = isSwitch ? false : "x=y";
    expect(optionFlags({ [name]: value })).toEqual([`--${flag}=${String(value)}`]);
  });

  it("repeats what is given repeatedly", () => {
    expect(optionFlags({ publish: ["80:80", "81"] })).toEqual(["--publish=80:80", "--publish=81"]);
  });

  it("leaves out what is not given", () => {
    expect(optionFlags({ name: undefined, publish: [] })).toEqual([]);
  });
});

describe("planRunVia", () => {
  it("names variables, never a value, and passes words on as they are", () => {
    const { program, args, variables } = planRunVia(
      request({
        words: ["--gpus=all", "-it", "cats", "sh", "-c", "exit 3"],
        container: { rm: true },
        entries: [entry("KEY"), entry("LEVEL", { sensitive: false })],
      }),
    );
    expect(program).toBe("docker");
    expect(variables).toEqual(["KEY", "LEVEL"]);
    const own = ["run", "--rm=true", "--env=KEY", "--env=LEVEL"];
    expect(args).toEqual([...own, "--gpus=all", "-it", "cats", "sh", "-c", "exit 3"]);
  });

  it("what was typed wins, by -e or from a file", () => {
    const envFileTexts = [{ file: "x", bytes: Buffer.from("B=1\n") }];
    const container = { env: ["A=own"], envFile: ["x"] };
    const entries = ["A", "B", "C"].map((name) => entry(name));
    expect(planRunVia(request({ container, envFileTexts, entries })).variables).toEqual(["C"]);
  });

  it("shows files by their targets", () => {
    const { args, variables } = planRunVia(
      request({ entries: [entry("pem", { file: { path: "/etc/app/pem" } })] }),
    );
    expect(variables).toEqual([]);
    expect(args).toContain("--mount=type=bind,source=…,target=/etc/app/pem,readonly");
  });

  it.each(
    [
      "PATH HOME USER TMPDIR HTTP_PROXY https_proxy no_proxy LD_PRELOAD DOCKER_HOST DOCKER_CONFIG",
      "CONTAINER_HOST CONTAINERS_CONF PODMAN_USERNS NERDCTL_TOML XDG_RUNTIME_DIR SSH_AUTH_SOCK",
      "SSL_CERT_FILE GODEBUG BASH_ENV OTEL_EXPORTER_OTLP_ENDPOINT REGISTRY_AUTH_FILE",
    ].flatMap((line) => line.split(" ")),
  )("refuses %s", (name) => {
    expect(() => planRunVia(request({ entries: [entry(name)] }))).toThrow(
      expect.objectContaining({ code: "POLICY", hint: expect.stringContaining("--file") }),
    );
    const asFile = entry(name, { file: { path: "/run/secrets/x" } });
    expect(() => planRunVia(request({ entries: [asFile] }))).not.toThrow();
  });

  it.each(["API_KEY", "GOOGLE_KEY", "PATHS", "AWS_SECRET_ACCESS_KEY", "LDAP_PASSWORD", "HOMEPAGE"])(
    "takes %s",
    (name) => {
      expect(planRunVia(request({ entries: [entry(name)] })).variables).toEqual([name]);
    },
  );

  it.each<[Partial<RunViaRequest>, string]>([
    [{ words: [] }, "USAGE"],
    [{ words: ["-it", "--init"] }, "USAGE"],
    [{ words: ["--env", "A=b", "cats"] }, "USAGE"],
    [{ tool: "podman", delivery: "volume" }, "USAGE_CONFLICT"],
    [{ tool: "nerdctl", strict: true }, "USAGE_CONFLICT"],
    [{ tool: "podman", agent: true }, "USAGE_CONFLICT"],
    [{ container: { env: ["SEALMOUNT_KEY=x"] } }, "USAGE"],
    [{ container: { memory: "much" } }, "USAGE"],
  ])("refuses %j", (more, code) => {
    expect(() => planRunVia(request(more))).toThrow(expect.objectContaining({ code }));
  });
});

it.each([
  [["cats"], "cats"],
  [["-it", "--gpus=all", "cats", "sh"], "cats"],
])("the image in %j", (words, image) => {
  expect(imageOf(words)).toBe(image);
});

it.each([
  [
    { Type: "bind", Source: "/a,b", Target: "/t", ReadOnly: true },
    'type=bind,"source=/a,b",target=/t,readonly',
  ],
  [{ Type: "bind", Source: '/a"b', Target: "/t" }, 'type=bind,"source=/a""b",target=/t'],
  [
    {
      Type: "volume",
      Source: "v",
      Target: "/t",
      ReadOnly: true,
      VolumeOptions: { NoCopy: true, Subpath: "m0" },
    },
    "type=volume,source=v,target=/t,readonly,volume-nocopy,volume-subpath=m0",
  ],
])("a mount %j", (mount, text) => {
  expect(mountRecord(mount)).toBe(text);
});

it("labels and mounts come before the words", () => {
  const made = {
    mounts: [{ Type: "bind", Source: "/s", Target: "/t" }],
    labels: { a: "b=c" },
  };
  expect(
    argumentsOf(request(), planRunVia(request({ entries: [entry("KEY")] })).run, made),
  ).toEqual(["run", "--env=KEY", "--mount=type=bind,source=/s,target=/t", "--label=a=b=c", "cats"]);
});
