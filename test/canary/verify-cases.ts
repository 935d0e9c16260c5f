/** `verify` and `build --verify`: every option and source, of images that have leaked, and bad ones. */
import { gzipSync } from "node:zlib";

import { type Case, CONTAINER, FORGED, IMAGE, LEAKY } from "./cases.ts";
import { CANARIES, type Files, HELPER_PATH, type Stage } from "./stage.ts";

const { loose } = CANARIES;

/** Without an engine: archives, folders, stdin, registries. */
export function sourceCases(stage: Stage): readonly Case[] {
  const cases = [...archives(stage), ...streams(stage), ...registries(stage), ...badSources(stage)];
  return cases.map((one) => ({ ...one, onEngine: false }));
}

/**
 * With an engine: its images and containers, by every way, and what a build makes.
 *
 * @param plugins - folder of docker's buildx; empty where docker finds it by itself
 */
export function engineCases(plugins: string): readonly Case[] {
  const extra = plugins === "" ? [] : [plugins];
  const config = JSON.stringify({ cliPluginsExtraDirs: extra });
  const files = { "../home/.docker/config.json": config };
  const made = [...builds(), ...leakyOutputs()].map((one) =>
    one.args.includes("--via") ? { ...one, files: { ...one.files, ...files } } : one,
  );
  return [...images(), ...containers(), ...made];
}

function archives({ leaky: { archive, layout, unseen } }: Stage): readonly Case[] {
  const files: Files = { "leaky.tar": archive, "unseen.tar": unseen, packed: gzipSync(archive) };
  const verify = (title: string, exit: number, ...args: string[]): Case => ({
    title: `verify of an archive, ${title}`,
    args: ["verify", ...args],
    exit,
    files,
  });
  const folder = Object.entries(layout).map(([name, bytes]) => [`layout/${name}`, bytes] as const);
  const reports = ["-o", "a.sarif", "-o", "b.xml", "-o", "c.json", "-o", "d.txt"];
  return [
    verify("leaky", 8, "leaky.tar"),
    verify("leaky, strictly", 8, "--strict", "--env", "prod", "leaky.tar"),
    verify("leaky, searched anew", 8, "--no-cache", "leaky.tar"),
    verify("leaky, with every form of a report in a file", 8, ...reports, "leaky.tar"),
    ...["text", "sarif", "junit"].map((format) => ({
      ...verify(`leaky, as ${format}`, 8, "--format", format, "leaky.tar"),
      isJsonRefused: true,
    })),
    verify("leaky, as json", 8, "--format", "json", "leaky.tar"),
    verify("leaky, in one form in a file", 8, "--format", "junit", "-o", "r", "leaky.tar"),
    verify("leaky, compressed and told by a prefix", 8, "docker-archive:packed"),
    verify("leaky, told by another prefix", 8, "oci-archive:leaky.tar"),
    verify("leaky, for its platform", 8, "--platform", "linux/amd64", "leaky.tar"),
    verify("for a platform that is not there", 8, "--platform", "linux/s390x", "leaky.tar"),
    verify("that can't be unpacked", 0, "unseen.tar"),
    verify("that can't be unpacked, strictly", 9, "--strict", ...reports, "unseen.tar"),
    { ...verify("as a layout", 8, "oci:layout"), files: Object.fromEntries(folder) },
    {
      ...verify("as a layout with a file that is changed", 8, "./layout"),
      files: { ...Object.fromEntries(folder), "layout/index.json": `{"manifests":["${loose}"]}` },
    },
  ];
}

function streams({ leaky: { archive } }: Stage): readonly Case[] {
  // blobs stand by their digests, which are others in each run: the first one may begin with a value
  const beginning = archive.subarray(0, 520);
  const stream = (title: string, exit: number, stdin: Uint8Array | string): Case => ({
    title: `verify of standard input, ${title}`,
    args: ["verify", "-"],
    exit,
    stdin,
    only: "pipe",
  });
  return [
    stream("leaky", 8, archive),
    stream("leaky and cut", 8, archive.subarray(0, -1500)),
    stream("cut at its first blob", 6, beginning),
    stream("empty", 6, ""),
    stream("that is no archive", 6, loose.repeat(100)),
    stream("broken gzip", 6, gzipSync(beginning).subarray(0, -12)),
    {
      ...stream("that is a terminal", 2, ""),
      only: "terminal",
    },
  ];
}

/** It gets docker's login, and talks about it. */
function registries({ registry: { host } }: Stage): readonly Case[] {
  const image = (title: string, exit: number, name: string, ...args: string[]): Case => ({
    title: `DO11: verify of a registry ${title}`,
    args: ["verify", ...args, `docker://${host}/${name}:1`],
    exit,
    env: { PATH: HELPER_PATH },
    files: { "../home/.docker/config.json": JSON.stringify({ credsStore: "canary" }) },
  });
  const broken: Files = { "../home/.docker/config.json": `{"auths":{"${host}":{"auth":"${loose}` };
  return [
    image("that wants a login, with a leaky image", 8, "leaky"),
    image("with reports in files", 8, "leaky", "-o", "a.sarif", "-o", "b.xml", "-o", "c.json"),
    image("for another platform", 6, "open", "--platform", "linux/s390x"),
    image("by plain http, which gets no login", 6, "leaky", "--plain-http"),
    image("without a login", 8, "open", "--plain-http"),
    image("that refuses the login", 6, "denied"),
    image("whose token service refuses the login", 6, "token"),
    image("that answers strangely", 6, "strange"),
    image("that leads elsewhere", 6, "moved"),
    image("that does not have it", 6, "nothing"),
    image("that breaks off behind a leak", 8, "cut"),
    { ...image("with a helper that prints no login", 6, "leaky"), files: configOf("garbage") },
    { ...image("with a helper that is missing", 6, "leaky"), files: configOf("nope") },
    { ...image("with a broken config of docker", 6, "leaky"), files: broken },
  ];
}

const configOf = (credsStore: string): Files => ({
  "../home/.docker/config.json": JSON.stringify({ credsStore }),
});

function badSources({ leaky: { archive } }: Stage): readonly Case[] {
  const verify = (title: string, exit: number, ...args: string[]): Case => ({
    title: `verify, ${title}`,
    args: ["verify", ...args],
    exit,
    files: { "leaky.tar": archive },
  });
  const away = { XDG_CONFIG_HOME: "/nonexistent" };
  return [
    verify("a value as the image", 2, loose),
    verify("a value as the daemon's image", 2, `docker-daemon:${loose}`),
    verify("a value as an image of a registry", 2, `docker://${loose}`),
    verify("a value as the platform", 2, "--platform", loose, "leaky.tar"),
    verify("a value as an environment", 2, "--env", loose, "leaky.tar"),
    verify("a value as the form", 2, "--format", loose, "leaky.tar"),
    verify("a value as an operand too many", 2, "leaky.tar", loose),
    verify("an image and a container", 2, "--container", "x", "leaky.tar"),
    verify("a way for an archive", 2, "--route", "save", "leaky.tar"),
    verify("a file that is not there", 6, "no.tar"),
    verify("a report that is a folder", 2, "-o", ".", "leaky.tar"),
    verify("a key file that is not there", 4, "--key-file", "no.key", "leaky.tar"),
    { ...verify("no key", 4, "leaky.tar"), env: away },
    {
      ...verify("no cache folder", 8, "leaky.tar"),
      env: { XDG_CACHE_HOME: "/dev/null" },
    },
  ];
}

function images(): readonly Case[] {
  const verify = (title: string, exit: number, ...args: string[]): Case => ({
    title: `IT12: verify of an image, ${title}`,
    args: ["verify", ...args],
    exit,
  });
  return [
    verify("leaky", 8, LEAKY),
    ...["auto", "content", "folders", "save", "push"].map((route) =>
      verify(`leaky, by ${route}`, 8, "--route", route, LEAKY),
    ),
    verify("leaky, with the engine's records", 8, "--build-history", LEAKY),
    verify("leaky, strictly and anew", 8, "--strict", "--no-cache", `docker-daemon:${LEAKY}`),
    verify("leaky, with reports", 8, "-o", "a.sarif", "-o", "b.xml", "-o", "c.json", LEAKY),
    verify("for another platform", 6, "--platform", "linux/s390x", LEAKY),
    verify("that is not there", 6, "smtest-no-such-image"),
  ];
}

/** A variable is in a container's settings, as the help says. */
function containers(): readonly Case[] {
  const verify = (title: string, exit: number, ...args: string[]): Case => ({
    title: `verify of a container, ${title}`,
    args: ["verify", "--container", ...args],
    exit,
  });
  return [
    verify("with variables", 8, CONTAINER, "--env", "prod"),
    verify("with reports", 8, CONTAINER, "-o", "a.sarif", "-o", "b.xml", "-o", "c.json"),
    verify("with its image", 8, CONTAINER, "--with-image", "--build-history", "--route", "save"),
    verify("without a leak of its own", 0, FORGED),
    verify("that is not there", 6, "smtest-no-such-container"),
    verify("a value as its name", 6, loose),
  ];
}

const MOUNT = "RUN --mount=type=secret,id=token";
const LEAK = `FROM busybox:local\n${MOUNT} cp /run/secrets/token /left\nRUN rm /left\n`;
const CLEAN = `FROM busybox:local\n${MOUNT} wc -c < /run/secrets/token > /length\n`;

function builds(): readonly Case[] {
  const clean = (title: string, ...args: string[]): Case => ({
    title: `build --verify, ${title}`,
    args: ["build", "--no-cache", ...args, "."],
    exit: 0,
    files: { Dockerfile: CLEAN },
  });
  return [
    clean("clean", "--verify"),
    clean("clean, quietly", "--verify", "--quiet"),
    clean("clean, by docker", "--verify", "--via", "docker", "--network=none"),
    clean("clean, as a tar", "--verify", "-o", "type=tar,dest=made.tar"),
  ];
}

function leakyOutputs(): readonly Case[] {
  const leak = (title: string, ...args: string[]): Case => ({
    title: `IT12: build --verify of a leak, ${title}`,
    args: ["build", "--no-cache", "--verify", ...args, "."],
    exit: 8,
    files: { Dockerfile: LEAK },
  });
  const kept = { Dockerfile: LEAK.replace("RUN rm /left\n", "") };
  return [
    leak("named", "-t", `${IMAGE}-no`, "--iidfile", "id", "--metadata-file", "meta"),
    leak("by docker", "--via", "docker", "--network=none"),
    { ...leak("into a tar", "-o", "type=tar,dest=made.tar"), files: kept },
    { ...leak("into a folder", "-o", "out"), files: kept },
    // stdout gets nothing of it
    {
      ...leak("to stdout", "-o", "type=tar,dest=-"),
      files: kept,
      only: "pipe",
      isJsonRefused: true,
    },
  ];
}
