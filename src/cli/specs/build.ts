import type { CommandSpec, OptionSpec } from "../spec.ts";
import { LEGACY } from "./build-legacy.ts";
import { DRY_RUN, ENGINE, ENVIRONMENTS, JSON_OUTPUT, KEY_FILE, MANIFEST } from "./options.ts";

/** `build`: docker's own options, with docker's own meaning, and ours. */

const CONTENT: readonly OptionSpec[] = [
  { long: "tag", short: "t", value: "NAME", repeat: true, about: "name the image" },
  {
    long: "file",
    short: "f",
    value: "PATH",
    about: "the Dockerfile, or its address; - is stdin",
    fallback: "CONTEXT/Dockerfile",
  },
  { long: "build-arg", value: "KEY[=VAL]", repeat: true, about: "build argument, never a secret" },
  {
    long: "build-context",
    value: "NAME=SOURCE",
    repeat: true,
    about: "one more context: a folder, docker-image://, oci-layout://, target:, a URL",
  },
  { long: "target", value: "STAGE", about: "stop at this stage" },
  { long: "platform", value: "PLATFORM", repeat: true, about: "os/arch to build for" },
  { long: "label", value: "KEY=VAL", repeat: true, about: "label of the image" },
  {
    long: "annotation",
    value: "KEY=VAL",
    repeat: true,
    about: "annotation of the image, index: and the like in front",
  },
];

const STEPS: readonly OptionSpec[] = [
  { long: "network", value: "MODE", about: "network of RUN steps" },
  { long: "add-host", value: "NAME:IP", repeat: true, about: "line for /etc/hosts of RUN steps" },
  { long: "shm-size", value: "SIZE", about: "size of /dev/shm in RUN steps" },
  { long: "ulimit", value: "NAME=N[:N]", repeat: true, about: "resource limit of RUN steps" },
  { long: "cgroup-parent", value: "GROUP", about: "parent of the cgroups of RUN steps" },
  { long: "allow", value: "RIGHT", repeat: true, about: "network.host, security.insecure, device" },
  {
    long: "secret",
    value: "id=ID[,src=FILE|,env=NAME]",
    repeat: true,
    about: "docker's own secret, beside those of [build_secrets]",
  },
  {
    long: "ssh",
    value: "default|ID[=SOCKET|=KEY[,KEY]]",
    repeat: true,
    about: "forward an SSH agent, or key files, to steps that mount it",
  },
];

const CACHE: readonly OptionSpec[] = [
  { long: "no-cache", about: "do not use the build cache" },
  { long: "no-cache-filter", value: "STAGE", repeat: true, about: "not for these stages" },
  { long: "cache-from", value: "SOURCE", repeat: true, about: "cache to import" },
  { long: "cache-to", value: "TARGET", repeat: true, about: "where to export the cache" },
  { long: "pull", about: "always ask the registry for the base images" },
];

const RESULT: readonly OptionSpec[] = [
  {
    long: "output",
    short: "o",
    value: "PATH|type=TYPE[,KEY=VAL]",
    repeat: true,
    about: "what to make: image, registry, local, tar, oci, docker",
    fallback: "an image of the engine",
  },
  { long: "push", about: "push the image" },
  { long: "load", about: "keep the image on the engine" },
  { long: "iidfile", value: "FILE", about: "write the image's id there" },
  { long: "metadata-file", value: "FILE", about: "write what the build tells there, as JSON" },
  {
    long: "attest",
    value: "type=TYPE[,KEY=VAL]",
    repeat: true,
    about: "attach an attestation: sbom, provenance",
  },
  { long: "sbom", value: "BOOL", implied: "true", about: "short for --attest=type=sbom" },
  {
    long: "provenance",
    value: "MODE",
    implied: "true",
    about: "short for --attest=type=provenance",
  },
  {
    long: "call",
    value: "METHOD",
    about: "check, outline or targets: look at the Dockerfile in place of building",
  },
  { long: "check", about: "short for --call=check" },
];

const SHOWN: readonly OptionSpec[] = [
  {
    long: "builder",
    value: "NAME",
    choices: ["default"],
    about: "only the engine's own; for another: --via buildx CONTEXT -- --builder NAME",
  },
  { long: "quiet", short: "q", about: "no progress" },
  {
    long: "progress",
    value: "KIND",
    variable: "BUILDKIT_PROGRESS",
    choices: ["auto", "plain", "tty", "quiet", "none", "rawjson"],
    fallback: "auto: live on a terminal",
    about: "how progress looks",
  },
];

const OURS: readonly OptionSpec[] = [
  {
    long: "via",
    value: "TOOL",
    choices: ["docker", "buildx", "podman"],
    fallback: "sealmount's own client",
    about: "hand over to this builder with --secret flags and private tmpfs files",
  },
  { long: "verify", about: "prove that no secret is in it before it gets its name (exit 8)" },
  { ...ENVIRONMENTS, about: "with --verify: environment whose secrets to look for" },
  {
    long: "secret-cache",
    value: "WHAT",
    choices: ["value", "off"],
    fallback: 'for secrets with cache = "value" in the manifest',
    about: "run a step again when the value of a secret that it mounts has changed",
  },
  {
    long: "allow-plaintext",
    about: "let secrets travel that stand in arguments, labels, the Dockerfile or a file (exit 9)",
  },
  { long: "record", about: "let the engine keep a record of the build, as docker does" },
];

export const BUILD: CommandSpec = {
  name: "build",
  summary: "build an image; a secret reaches the RUN step that mounts it only",
  arguments: [
    { name: "CONTEXT", about: "folder, URL, or - for a tar or a Dockerfile on stdin" },
    {
      name: "OPTION",
      about: "with --via, after --: options of that builder's own",
      optional: true,
      repeat: true,
    },
  ],
  options: [
    ...CONTENT,
    ...STEPS,
    ...CACHE,
    ...RESULT,
    ...SHOWN,
    ...OURS,
    DRY_RUN,
    KEY_FILE,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
    ...LEGACY,
  ],
  examples: [
    { does: "build and tag", line: "sealmount build -t cats ." },
    { does: "and prove the image clean", line: "sealmount build -t cats --verify ." },
    {
      does: "with the builder you have, and its own options",
      line: "sealmount build --via buildx -t cats . -- --cache-to=type=inline",
    },
  ],
  exits: [0, 2, 3, 4, 5, 6, 7, 8, 9, 130],
  notes: [
    "stdout gets the image's id and nothing else. Only secrets of [build_secrets] that a step " +
      "asks for go to the engine. What would travel in plain is refused (exit 9).",
  ],
  load: () => import("../commands/build.ts"),
};
