/** Every command, and every bad input of which the design speaks, with the exit code it must have. */
import type { RunOptions } from "../support/process.ts";
import type { Typing } from "../support/terminal.ts";
import { CANARIES, type Files, HELPER_PATH, NO_REGISTRY, sealedText, type Stage } from "./stage.ts";

export interface Case {
  readonly title: string;
  readonly args: readonly string[];
  /** Exit code. */
  readonly exit: number;
  readonly stdin?: string | Uint8Array;
  /** On a terminal: what is typed, in place of `stdin`. */
  readonly typing?: readonly Typing[];
  readonly env?: Readonly<Record<string, string>>;
  /** On pipes: a signal once the output holds a text. */
  readonly interrupt?: RunOptions["interrupt"];
  readonly files?: Files;
  /** "pipe" where, on a terminal, the program itself or the terminal's echo would show a secret. */
  readonly only?: "pipe" | "terminal";
  /** True where the options leave no place for `--json`. */
  readonly isJsonRefused?: boolean;
  /** False for a case of `verify` that no engine takes part in. */
  readonly onEngine?: boolean;
}

const ON_ENGINE = ["build", "run", "verify", "doctor"];
/** Commands for a container that runs: one call at a time. */
const ON_CONTAINER = ["ps", "refresh", "revoke", "down"];

/** Whether the modes of a case get in each other's way. */
export function goesInTurn({ args: [command = ""] }: Case): boolean {
  return command === "build" || ON_CONTAINER.includes(command);
}

/** Whether a case talks to an engine. */
export function needsEngine({ args, onEngine }: Case): boolean {
  if (onEngine === false) return false;
  const [command = ""] = args;
  return [...ON_ENGINE, ...ON_CONTAINER].includes(command) || args.includes("--container");
}

/** Image of the app, which has to be built before the cases that need an engine. */
export const IMAGE = `smtest-canary-${process.pid}`;

/** A container of the app that runs while the cases are played. */
export const CONTAINER = `${IMAGE}-live`;

/** An image that holds the app's secrets. */
export const LEAKY = `${IMAGE}-leaky`;

/** One that only looks like the app's. */
export const FORGED = `${IMAGE}-forged`;

const { loose } = CANARIES;
const asked = (value: string): readonly Typing[] => [{ on: "(hidden): ", type: `${value}\r` }];

/** What works. */
export function goodCases(): readonly Case[] {
  const run = ["run", "--rm", "--env", "prod"];
  return [
    { title: "build", args: ["build", "-t", IMAGE, "."], exit: 0 },
    {
      title: "build of a step that prints its secret",
      args: ["build", "--no-cache", "."],
      exit: 0,
      files: {
        Dockerfile:
          "FROM busybox:local\nRUN --mount=type=secret,id=token cat /run/secrets/token; " +
          "base64 /run/secrets/token; cut -c1-20 /run/secrets/token >/dev/null\n",
      },
    },
    { title: "build, dry run", args: ["build", "--dry-run", "."], exit: 0 },
    { title: "verify", args: ["verify", "--env", "prod", IMAGE], exit: 0 },
    {
      title: "verify with a file for each form of the report",
      args: ["verify", "--env", "prod", "-o", "a.sarif", "-o", "b.xml", "-o", "c.json", IMAGE],
      exit: 0,
    },
    {
      title: "verify by save alone, strictly",
      args: ["verify", "--env", "prod", "--strict", "--route", "save", IMAGE],
      exit: 0,
    },
    { title: "help", args: ["--help"], exit: 0 },
    { title: "ls", args: ["ls"], exit: 0 },
    { title: "check", args: ["check"], exit: 0 },
    { title: "key ls", args: ["key", "ls"], exit: 0 },
    { title: "key new", args: ["key", "new", "--app", "dogs"], exit: 0 },
    { title: "doctor", args: ["doctor"], exit: 0 },
    { title: "rm", args: ["rm", "VARIABLE", "--env", "prod"], exit: 0 },
    {
      title: "set, asked for or by stdin",
      args: ["set", "NEW"],
      exit: 0,
      stdin: loose,
      typing: asked(loose),
    },
    {
      title: "DO3: set of a login",
      args: ["set", "ghcr.io", "--type", "registry", "--username", "bot"],
      exit: 0,
      stdin: loose,
      typing: asked(loose),
    },
    importCase("import of a helper's login", 0, "canary", "ghcr.io"),
    importCase("import, dry run", 0, "canary", "ghcr.io", "--dry-run"),
    { title: "run", args: [...run, IMAGE, "true"], exit: 0 },
    { title: "run, dry run", args: ["run", "--dry-run", "--env", "prod", IMAGE], exit: 0 },
    {
      title: "run of an image that is there, with a pull secret",
      args: [...run, "--image-pull-secret", "pull", "--quiet", IMAGE, "true"],
      exit: 0,
    },
    {
      title: "run of a program that prints its secrets",
      args: [
        ...run,
        IMAGE,
        "sh",
        "-c",
        "echo $VARIABLE; printenv COMMON >&2; base64 /run/secrets/file",
      ],
      exit: 0,
      only: "pipe",
    },
    {
      title: "run with hidden variables, of a program that prints them",
      args: [...run, "--env-hidden", IMAGE, "sh", "-c", "echo $VARIABLE; echo $COMMON >&2"],
      exit: 0,
      only: "pipe",
    },
    {
      title: "run with variables as files",
      args: [...run, "--env-as-file", IMAGE, "true"],
      exit: 0,
    },
    {
      title: "run with hidden variables, of a program that is not there",
      args: [...run, "--env-hidden", IMAGE, "/nope"],
      exit: 127,
    },
    { title: "run of a program that fails", args: [...run, IMAGE, "false"], exit: 1 },
    { title: "run of a program that is not there", args: [...run, IMAGE, "/nope"], exit: 127 },
    { title: "exec", args: ["exec", "--env", "prod", "--only", "VARIABLE", "--", "true"], exit: 0 },
    {
      title: "exec of a program that prints its secret",
      args: ["exec", "--env", "prod", "--only", "VARIABLE", "--", "printenv", "VARIABLE"],
      exit: 0,
      only: "pipe",
    },
    {
      title: "exec of a program that is not there",
      args: ["exec", "--only", "COMMON", "--", "/nope"],
      exit: 127,
    },
    { title: "ps", args: ["ps", "--no-trunc", "--any-app", "--all"], exit: 0 },
    { title: "refresh", args: ["refresh", "--force", CONTAINER], exit: 0 },
    {
      title: "refresh with a command that prints a secret",
      args: ["refresh", "--force", "--exec", "cat /run/secrets/file; env", CONTAINER],
      exit: 0,
    },
  ];
}

/** What must fail, closed and in silence about values. */
export function badCases(stage: Stage): readonly Case[] {
  return [
    ...badArguments(),
    ...badKeys(stage),
    ...badManifests(),
    ...badBoxes(stage),
    ...badEngines(),
    ...plaintext(stage),
    ...badContainers(),
    ...interrupted(),
  ];
}

function badArguments(): readonly Case[] {
  const run = ["run", "--rm", "--env", "prod"];
  return [
    { title: "IX7: a value as an argument", args: ["set", "API_KEY", loose], exit: 2 },
    {
      title: "IX7: a value in place of the name",
      args: ["set", loose],
      exit: 2,
      typing: asked(loose),
    },
    {
      title: "a name that is no variable",
      args: ["set", "no-name"],
      exit: 2,
      stdin: loose,
      typing: asked(loose),
    },
    { title: "the name __proto__", args: ["rm", "__proto__"], exit: 3 },
    {
      title: "a NUL in a value",
      args: ["set", "NUL", "--stdin"],
      exit: 3,
      stdin: `${loose}\0`,
      only: "pipe",
    },
    {
      title: "a build argument without a name",
      args: ["build", "--build-arg", `=${loose}`, "."],
      exit: 2,
    },
    { title: "a --secret that is none", args: ["build", "--secret", loose, "."], exit: 2 },
    { title: "an --ssh without a socket", args: ["build", "--ssh", `a=${loose}`, "."], exit: 2 },
    { title: "an --output that is none", args: ["build", "-o", `type=${loose}`, "."], exit: 2 },
    { title: "a --format that is none", args: ["verify", "--format", loose, IMAGE], exit: 2 },
    { title: "a --route that is none", args: ["verify", "--route", loose, IMAGE], exit: 2 },
    {
      title: "a report for a folder that is not there",
      args: ["verify", "-o", "nowhere/x.sarif", IMAGE],
      exit: 2,
    },
    {
      title: "two forms of one report",
      args: ["verify", "--format", "sarif", "-o", "a", "-o", "b", IMAGE],
      exit: 2,
    },
    { title: "an unknown option", args: ["ls", `--${loose}`], exit: 2 },
    { title: "an unknown command", args: [loose], exit: 2 },
    {
      title: "a file without --file",
      args: ["set", "X", "--mode", "0400"],
      exit: 2,
      stdin: loose,
      typing: asked(loose),
    },
    {
      title: "a mode that is not octal",
      args: ["set", "X", "--file", "/x", "--mode", "9", "--stdin"],
      exit: 2,
      stdin: loose,
      only: "pipe",
    },
    {
      title: "a path with ..",
      args: ["set", "X", "--file", "/run/../../etc/x", "--stdin"],
      exit: 2,
      stdin: loose,
      only: "pipe",
    },
    {
      title: "a file over a folder of the image",
      args: [...run, "--file", "VARIABLE=/folder", IMAGE],
      exit: 125,
    },
    {
      title: "an owner whom the image does not know",
      args: [...run, "--file", "VARIABLE=/run/secrets/v,owner=nobody-here", IMAGE],
      exit: 125,
    },
    { title: "a missing name", args: ["check", "MISSING"], exit: 3 },
    {
      title: "IT4: a Dockerfile with a value in it",
      args: ["check", "--dockerfile", "Dockerfile"],
      exit: 9,
      files: {
        Dockerfile: `FROM busybox:local\nENV VARIABLE=${loose}\nENV A=b VARIABLE="${loose}"\n`,
      },
    },
    {
      title: "DO3: a value as the host of a login",
      args: ["set", loose, "--type", "registry", "--username", "bot", "--stdin"],
      exit: 2,
      stdin: loose,
    },
    {
      title: "two ways for a variable",
      args: [...run, "--env-hidden", "--env-as-file", IMAGE],
      exit: 2,
    },
    {
      title: "exec in a container that is not there",
      args: ["exec", "--container", "smtest-none", "--env", "prod", "--", "true"],
      exit: 125,
    },
    {
      title: "an image that is missing",
      args: [...run, "--pull", "never", "smtest-no-such-image"],
      exit: 125,
    },
    ...badPulls(run),
    ...badImports(),
  ];
}

/** `import` of the login that a credential helper has. */
function importCase(title: string, exit: number, helper: string, ...args: string[]): Case {
  return {
    title: `RI20: ${title}`,
    args: ["import", "--docker-auth", ...args],
    exit,
    env: { PATH: HELPER_PATH },
    files: { "../home/.docker/config.json": JSON.stringify({ credsStore: helper }) },
  };
}

function badImports(): readonly Case[] {
  const taken = '[registries."ghcr.io"]\npassword = "plain"\n[seal]\npublic_key = "';
  const key = `smp1_${Buffer.alloc(32, 7).toString("base64url")}"\n`;
  const exists = importCase("import over a login", 9, "canary", "ghcr.io");
  const plain = importCase("import of a broken config", 6, "canary", "ghcr.io");
  return [
    importCase("import of what a helper prints that is no login", 6, "garbage", "ghcr.io"),
    importCase("import with a helper that is missing", 6, "nope", "ghcr.io"),
    importCase("import for a value as the host", 2, "canary", loose),
    importCase("import of a value as an argument", 2, "canary", "ghcr.io", loose),
    { ...exists, files: { ...exists.files, "iterapp.toml": taken + key } },
    { ...plain, files: { "../home/.docker/config.json": `{"auths":{"ghcr.io":{"auth":"${loose}` } },
  ];
}

function badPulls(run: readonly string[]): readonly Case[] {
  const image = `${NO_REGISTRY}/cats:1`;
  const pull = (title: string, exit: number, ...args: string[]): Case => ({
    title: `a pull ${title}`,
    args: [...run, ...args],
    exit,
  });
  return [
    pull("that no registry answers", 125, "--image-pull-secret", "pull", image),
    pull("with docker's login", 125, "--host-auth", "--pull=always", image),
    pull("with two logins", 2, "--host-auth", "--image-pull-secret", "pull", image),
    pull("with a value as the secret's name", 3, "--image-pull-secret", loose, image),
    pull("with a value for when", 2, "--pull", loose, image),
    pull("for a value as platform", 2, "--platform", loose, IMAGE),
    pull("with a secret that is no config.json", 3, "--image-pull-secret", "token", image),
    pull("of a value", 2, loose),
    {
      ...pull("without the key", 4, "--image-pull-secret", "pull", image),
      env: { XDG_CONFIG_HOME: "/nonexistent" },
    },
  ];
}

function badKeys(stage: Stage): readonly Case[] {
  const exec = ["exec", "--env", "prod", "--only", "VARIABLE", "--", "true"];
  const other = `smk1_${Buffer.alloc(32, 7).toString("base64url")}`;
  const nowhere = { XDG_CONFIG_HOME: "/nonexistent" };
  return [
    { title: "RI2: no key", args: exec, exit: 4, env: nowhere },
    { title: "a wrong key", args: exec, exit: 5, env: { ...nowhere, SEALMOUNT_KEY: other } },
    { title: "a key that is none", args: exec, exit: 4, env: { ...nowhere, SEALMOUNT_KEY: loose } },
    {
      title: "half of a key",
      args: exec,
      exit: 4,
      env: { ...nowhere, SEALMOUNT_KEY: stage.key.slice(0, -3) },
    },
    {
      title: "a key file that others can read",
      args: [...exec.slice(0, 1), "--key-file", "open.key", ...exec.slice(1)],
      exit: 4,
      files: { "open.key": `${stage.key}\n` },
    },
  ];
}

function badManifests(): readonly Case[] {
  const broken = (title: string, manifest: string | Buffer, exit = 3): Case => ({
    title,
    args: ["check"],
    exit,
    files: { "iterapp.toml": manifest },
  });
  return [
    broken("a string without an end", `[env.prod]\nX = "${loose}\nY = 1\n`),
    broken("no TOML at all", `{ "X": '${loose}' }\n`),
    broken("a key twice", `[env.prod]\nX = '${loose}'\nX = '${loose}'\n`),
    broken("a table twice", `[env.prod]\nX = '${loose}'\n[env.prod]\nY = '${loose}'\n`),
    broken("__proto__", `[env.prod]\n__proto__ = '${loose}'\n`),
    broken("a NUL", `[env.prod]\nX = '''${loose}\0'''\n`),
    broken("an attribute of the wrong type", `[env.prod]\nX = { encrypted = ["a", '${loose}'] }\n`),
    broken("an unknown attribute", `[env.prod]\nX = { encrypted = "AAAA", vlaue = '${loose}' }\n`),
    broken(
      "RI25: files that go nowhere",
      `[[secret_files]]\nmount_path = '${loose}'\nkey = '${loose}'\ntemplate = '${loose}'\nmode = '${loose}'\n`,
    ),
    broken(
      "RI25: a template that is not closed",
      `[[secret_files]]\nmount_path = "/x"\ntemplate = '\${${loose}'\n`,
    ),
    broken("2 MB", `[env.prod]\nX = '${loose}'\n${"# cats\n".repeat(300_000)}`),
    broken("BOM and CRLF", `\uFEFF[env.prod]\r\nX = '${loose}' # a comment\r\n`, 0),
  ];
}

function badBoxes(stage: Stage): readonly Case[] {
  const { manifest } = stage;
  const variable = sealedText(manifest, "VARIABLE");
  const changed = (title: string, from: string, to: string, exit = 5): Case => ({
    title,
    args: ["exec", "--env", "prod", "--except", "FILE", "--", "true"],
    exit,
    files: { "iterapp.toml": manifest.replace(from, to) },
  });
  return [
    changed("damaged base64", variable, `${variable.slice(0, 40)}!${variable.slice(41)}`),
    changed("a truncated box", variable, variable.slice(0, 60)),
    changed("a damaged box", variable, `${variable.slice(0, 80)}${flip(variable.slice(80))}`),
    changed("IT16: a box moved to another name", variable, sealedText(manifest, "FILE")),
    changed("IT16: a box moved to another environment", variable, sealedText(manifest, "COMMON")),
    changed("IT16: a build secret moved to run time", variable, sealedText(manifest, "token")),
    changed("IT16: a box moved to another app", 'app = "cats"', 'app = "dogs"', 4),
  ];
}

/** Another character in the place of the first. */
function flip(text: string): string {
  return (text.startsWith("A") ? "B" : "A") + text.slice(1);
}

function badEngines(): readonly Case[] {
  const nowhere = { DOCKER_HOST: "unix:///nonexistent.sock" };
  const token = "RUN --mount=type=secret,id=token";
  return [
    { title: "build without an engine", args: ["build", "."], exit: 6, env: nowhere },
    {
      title: "run without an engine",
      args: ["run", "--env", "prod", "x"],
      exit: 125,
      env: nowhere,
    },
    { title: "verify without an engine", args: ["verify", "x"], exit: 6, env: nowhere },
    {
      title: "a step that prints its secret and fails",
      args: ["build", "--no-cache", "."],
      exit: 7,
      files: {
        Dockerfile: `FROM busybox:local\n${token} cat /run/secrets/token >&2; exit 3\n`,
      },
    },
    {
      title: "a leak",
      args: ["build", "--no-cache", "--verify", "."],
      exit: 8,
      files: {
        Dockerfile: `FROM busybox:local\n${token} cp /run/secrets/token /left\nRUN rm /left\n`,
      },
    },
    {
      title: "a fault in a Dockerfile with a secret in it",
      args: ["build", "--secret", "id=loose,env=LOOSE", "."],
      exit: 7,
      env: { LOOSE: loose },
      files: {
        Dockerfile: `FROM busybox:local\nRUN --mount=type=secret,id=loose cat /run/secrets/loose\nRUN exit 4\n`,
      },
    },
    {
      title: "a secret that the manifest lacks",
      args: ["build", "."],
      exit: 3,
      files: {
        Dockerfile: "FROM busybox:local\nRUN --mount=type=secret,id=nope,required=true true\n",
      },
    },
  ];
}

/** What would travel to the engine in plain. */
function plaintext(stage: Stage): readonly Case[] {
  const refused = (title: string, o: Pick<Case, "files" | "env">, ...args: string[]): Case => ({
    title: `IT3: ${title}`,
    args: ["build", ...args, "."],
    exit: 9,
    ...o,
  });
  const { variable } = CANARIES;
  const copied = "FROM busybox:local\nCOPY . /app\n";
  return [
    refused("a secret as a build argument", { env: { T: variable } }, "--build-arg", "T"),
    refused("a secret in a file", { files: { Dockerfile: copied, "src/a.js": `a='${variable}'` } }),
    refused("a secret in a folder's name", {
      files: { Dockerfile: copied, [`src/${encodeURIComponent(variable)}/a.js`]: "a" },
    }),
    refused("a secret in the Dockerfile", {
      files: { Dockerfile: `FROM busybox:local\nENV T='${variable}'\n` },
    }),
    refused("a key in a file", {
      files: { Dockerfile: copied, "notes/key.txt": `${stage.key}\n` },
    }),
    refused(
      "a secret for another builder",
      { files: { Dockerfile: copied, settings: `T='${variable}'\n` } },
      "--via=docker",
    ),
    {
      title: "a secret in a Dockerfile that can't be read, allowed in plain",
      args: ["build", "--allow-plaintext", "."],
      exit: 7,
      files: { Dockerfile: `FROM busybox:local\nRUNN echo '${variable}'\n` },
    },
    {
      title: "a secret that a step prints, allowed in plain",
      args: ["build", "--allow-plaintext", "--no-cache", "."],
      exit: 7,
      files: {
        Dockerfile: "FROM busybox:local\nCOPY settings /\nRUN cat /settings; false\n",
        settings: `T='${variable}'\n`,
      },
    },
  ];
}

/** The last one takes the files away. */
function badContainers(): readonly Case[] {
  const nowhere = { XDG_CONFIG_HOME: "/nonexistent" };
  const none = "smtest-no-such-container";
  return [
    { title: "ps without a key", args: ["ps"], exit: 0, env: nowhere },
    { title: "refresh without a key", args: ["refresh", CONTAINER], exit: 4, env: nowhere },
    { title: "a signal that there is not", args: ["refresh", "--signal", loose, none], exit: 2 },
    { title: "refresh of no container", args: ["refresh", none], exit: 6 },
    {
      title: "refresh of a container that only looks like ours",
      args: ["refresh", FORGED],
      exit: 9,
    },
    { title: "refresh of all, with that one", args: ["refresh", "--all"], exit: 9 },
    { title: "revoke of no container", args: ["revoke", none], exit: 6 },
    { title: "down of no container", args: ["down", none], exit: 6 },
    {
      title: "refresh with a command that prints a secret and fails",
      args: ["refresh", "--force", CONTAINER, "--", "sh", "-c", "cat /run/secrets/file; exit 3"],
      exit: 6,
    },
    { title: "revoke, which leaves the variables", args: ["revoke", CONTAINER], exit: 9 },
    { title: "refresh after revoke", args: ["refresh", CONTAINER], exit: 6 },
  ];
}

/** Ctrl-C while a step runs, while a container runs, while a program runs, and at the prompt. */
function interrupted(): readonly Case[] {
  const program = ["sh", "-c", "echo started; sleep 60"];
  const started = { on: "started", signal: "SIGINT" } as const;
  const token = "RUN --mount=type=secret,id=token";
  return [
    {
      title: "Ctrl-C in a build",
      args: ["build", "--no-cache", "."],
      exit: 130,
      only: "pipe",
      // the step's own command line says "started" too, before it runs: hence the sum
      interrupt: { on: "now 42", signal: "SIGINT" },
      files: {
        Dockerfile: `FROM busybox:local\n${token} cat /run/secrets/token; echo now $((6 * 7)); sleep 60\n`,
      },
    },
    {
      title: "Ctrl-C in a container",
      args: ["run", "--rm", "--init", "--env", "prod", IMAGE, ...program],
      exit: 130,
      only: "pipe",
      interrupt: started,
    },
    {
      title: "Ctrl-C in a program",
      args: ["exec", "--only", "COMMON", "--", "sh", "-c", "echo started; exec sleep 60"],
      exit: 130,
      only: "pipe",
      interrupt: started,
    },
    {
      title: "Ctrl-C at the prompt",
      args: ["set", "NEW"],
      exit: 130,
      only: "terminal",
      typing: [{ on: "(hidden): ", type: `${loose}\x03` }],
    },
  ];
}
