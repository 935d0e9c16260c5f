/**
 * A build with a session of the test's own making: `POST /build` with the services that are under
 * test and nothing of `build/` in between.
 */
import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";

import { pack } from "tar-stream";

import type { GrpcService } from "../../src/session/grpc.ts";
import { healthService } from "../../src/session/health/service.ts";
import { secretsService } from "../../src/session/secrets/service.ts";
import { serveGrpc } from "../../src/session/server.ts";
import { parseJson } from "../support/json.ts";
import { theEngine } from "./build-harness.ts";

export interface SessionBuild {
  readonly dockerfile: string | Buffer;
  readonly files?: Readonly<Record<string, string>>;
  readonly services?: readonly GrpcService[];
  /** Build secrets by id. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly outputs?: readonly { readonly Type: string; readonly Attrs?: object }[];
  readonly tag?: string;
  readonly target?: string;
  readonly pull?: boolean;
}

export interface SessionBuilt {
  readonly error: string | null;
  readonly imageId: string | null;
  /** All that the engine said of the steps, in its own encoding, with texts readable in it. */
  readonly said: string;
  /** Ids of secrets that the engine asked for. */
  readonly asked: readonly string[];
}

/** Builds on this run's engine; never throws because the build failed. */
export async function sessionBuild(o: SessionBuild): Promise<SessionBuilt> {
  const engine = await theEngine();
  const id = randomBytes(16).toString("hex");
  const asked: string[] = [];
  const get = async (name: string): Promise<Buffer | null> => {
    asked.push(name);
    const value = o.secrets?.[name];
    return value === undefined ? null : Buffer.from(value);
  };
  const services = [healthService(), secretsService({ get }), ...(o.services ?? [])];
  const headers = {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Name": "smtest",
    "X-Docker-Expose-Session-Sharedkey": `smtest-${id}`,
    "X-Docker-Expose-Session-Grpc-Method": services.flatMap((one) => [...one.keys()]),
  };
  const server = serveGrpc(await engine.hijack("/session", { headers, upgrade: "h2c" }), services);
  try {
    const answer = await engine.stream("POST", "/build", {
      query: {
        version: 2,
        session: id,
        networkmode: "none",
        t: o.tag === undefined ? undefined : [o.tag],
        target: o.target,
        ...(o.pull === true && { pull: 1 }),
        ...(o.outputs && { outputs: JSON.stringify(o.outputs) }),
      },
      headers: { "Content-Type": "application/x-tar" },
      body: contextOf(o),
    });
    return { ...readAnswer(await text(answer)), asked };
  } finally {
    await server.close();
  }
}

function contextOf(o: SessionBuild): ReturnType<typeof pack> {
  const tar = pack();
  tar.entry({ name: "Dockerfile" }, Buffer.from(o.dockerfile));
  for (const [name, content] of Object.entries(o.files ?? {})) tar.entry({ name }, content);
  tar.finalize();
  return tar;
}

interface Line {
  readonly id?: string;
  readonly aux?: string | { readonly ID: string };
  readonly error?: string;
}

function readAnswer(body: string): Omit<SessionBuilt, "asked"> {
  let error: string | null = null;
  let imageId: string | null = null;
  let said = "";
  for (const line of body.split("\n").filter((part) => part.trim() !== "")) {
    const message = parseJson<Line>(line);
    error = message.error ?? error;
    if (typeof message.aux === "string") said += Buffer.from(message.aux, "base64").toString();
    else if (message.aux !== undefined) imageId = message.aux.ID;
  }
  return { error, imageId, said };
}
