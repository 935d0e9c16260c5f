/** `--push` where the exporter can't: the Engine API pushes what the image store has. */
import { createInterface } from "node:readline";

import { escapeControl } from "../docker/errors.ts";
import { DockerError } from "../errors.ts";
import type { BuildOptions } from "./options.ts";
import { outputsOf } from "./outputs.ts";

/**
 * Pushes every tag of the outputs that ask for it. The login goes to the engine in a header, as with
 * `docker push`: there is no other way for it.
 *
 * @throws {@link DockerError} DOCKER_REFUSED with the registry's words
 */
export async function pushImages(options: BuildOptions, signal: AbortSignal): Promise<void> {
  const names = outputsOf(options)
    .filter(({ push }) => push)
    .flatMap(({ attributes }) => (attributes["name"] ?? "").split(","));
  for (const name of new Set(names)) await pushImage(options, name, signal);
}

async function pushImage(options: BuildOptions, name: string, signal: AbortSignal): Promise<void> {
  const { repository, tag } = splitTag(name);
  const response = await options.engine.stream("POST", `/images/${pathOf(repository)}/push`, {
    query: { tag },
    headers: { "X-Registry-Auth": await authHeader(options, hostOf(repository)) },
    signal,
  });
  let refusal: string | null = null;
  for await (const line of createInterface({ input: response })) refusal = errorIn(line) ?? refusal;
  signal.throwIfAborted();
  if (refusal === null) return;
  const words = escapeControl(refusal.slice(0, 2_000));
  throw new DockerError("DOCKER_REFUSED", `the image is built, but not pushed: ${words}`);
}

/** The tag is behind the last colon after the last slash; `latest` without one. */
function splitTag(name: string): { readonly repository: string; readonly tag: string } {
  const at = name.indexOf(":", name.lastIndexOf("/") + 1);
  if (at < 0) return { repository: name, tag: "latest" };
  return { repository: name.slice(0, at), tag: name.slice(at + 1) };
}

/** The first part is a host when it can't be a name on Docker Hub. */
function hostOf(repository: string): string {
  const [first = "", ...rest] = repository.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost ? first : "docker.io";
}

function pathOf(repository: string): string {
  return repository.split("/").map(encodeURIComponent).join("/");
}

async function authHeader({ auth }: BuildOptions, host: string): Promise<string> {
  const login = (await auth?.credentials(host)) ?? null;
  if (login === null) return Buffer.from("{}").toString("base64url");
  using secret = login.secret;
  const { username } = login;
  return secret.use((bytes) => {
    const password = bytes.toString("utf8");
    const config =
      username === ""
        ? { identitytoken: password, serveraddress: host }
        : { username, password, serveraddress: host };
    return Buffer.from(JSON.stringify(config)).toString("base64url");
  });
}

function errorIn(line: string): string | null {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== "object" || parsed === null || !("error" in parsed)) return null;
    return typeof parsed.error === "string" ? parsed.error : null;
  } catch {
    return null;
  }
}
