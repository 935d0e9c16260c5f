/**
 * A socket in front of this run's engine that records create requests and refuses them itself, so that
 * nothing has to be cleaned up; and the two clients that are compared through it.
 */
import { once } from "node:events";
import { rm, mkdtemp } from "node:fs/promises";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

import { containerOptionsOf } from "../../src/cli/commands/run-options.ts";
import { parseWords } from "../../src/cli/parse.ts";
import { GLOBAL } from "../../src/cli/specs/options.ts";
import { RUN } from "../../src/cli/specs/run.ts";
import { Values } from "../../src/cli/values.ts";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { run } from "../../src/run/run.ts";
import { dockerCli, engineHost } from "../engine/current.ts";
import { parseJson } from "../support/json.ts";
import { sink } from "./run-harness.ts";

/** One create request. */
export interface Recorded {
  /** Path and query, query sorted. */
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a client did. */
export interface Outcome {
  /** Undefined when it refused by itself. */
  readonly recorded: Recorded | undefined;
  /** Requests of any kind. */
  readonly calls: number;
  /** Why it ended: its words, or our error. */
  readonly error: unknown;
}

export interface Recorder extends AsyncDisposable {
  /** API version that our client has agreed on. */
  readonly api: string;
  /** docker's own client, `docker VERB WORDS…`, at the same API version. */
  readonly docker: (verb: "run" | "create", words: readonly string[]) => Promise<Outcome>;
  /** `sealmount run WORDS…`, without manifest and keys. */
  readonly sealmount: (words: readonly string[]) => Promise<Outcome>;
}

/** What the recorder answers to a create request. */
const REFUSAL = "recorded, not created";

/** @param cwd - of both clients; @param env - of both, beside the rest of docker's */
export async function createRecorder(
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Recorder> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-create-"));
  const path = join(folder, "docker.sock");
  let calls = 0;
  let recorded: Recorded | undefined;
  const server = createServer((incoming, outgoing) => {
    calls++;
    if (!incoming.url?.includes("/containers/create")) return pass(incoming, outgoing);
    void record(incoming).then((found) => {
      recorded = found;
      const headers = { "Content-Type": "application/json" };
      return outgoing.writeHead(400, headers).end(JSON.stringify({ message: REFUSAL }));
    });
  });
  await once(server.listen(path), "listening");
  const host = `unix://${path}`;
  const engine = await Engine.connect(await resolveEndpoint({ host, env: {}, home: "/" }));
  const { api } = engine.version;
  const outcome = async (start: () => Promise<unknown>): Promise<Outcome> => {
    [calls, recorded] = [0, undefined];
    const error = await start();
    return { calls, recorded, error };
  };
  return {
    api,
    docker: async (verb, words) =>
      outcome(async () => {
        const versioned = { ...env, DOCKER_HOST: host, DOCKER_API_VERSION: api };
        return (await dockerCli([verb, ...words], { cwd, env: versioned })).stderr;
      }),
    sealmount: async (words) => outcome(async () => runWords({ words, engine, cwd, env })),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true });
    },
  };
}

async function record(incoming: IncomingMessage): Promise<Recorded> {
  const url = new URL(incoming.url ?? "", "http://engine");
  url.searchParams.sort();
  const bytes = await buffer(incoming);
  return { url: url.pathname + url.search, body: parseJson(bytes.toString()) };
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const socketPath = engineHost().replace("unix://", "");
  const { method, url, headers } = incoming;
  const onward = request({ socketPath, method, path: url, headers }, (response) => {
    outgoing.writeHead(response.statusCode ?? 500, response.headers);
    response.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}

/** The way of the command line from words to the request, but for manifest, keys and process. */
async function runWords(o: {
  readonly words: readonly string[];
  readonly engine: Engine;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<unknown> {
  const options = [...RUN.options, ...GLOBAL];
  const result = await parseWords(RUN, options, o.words);
  if ("problem" in result) return result.problem;
  const [image = "", ...command] = result.operands;
  try {
    return await run({
      image,
      command,
      container: containerOptionsOf(new Values(options, result.parsed, {})),
      engine: o.engine,
      env: { ...process.env, ...o.env },
      cwd: o.cwd,
      io: { stdout: sink().stream, stderr: sink().stream, terminal: TERMINAL },
    });
  } catch (error) {
    return error;
  }
}

/** One without a size, as docker's client has on a pipe. */
const TERMINAL = {
  size: () => ({ rows: 0, columns: 0 }),
  setRawMode() {},
  onResize: () => () => undefined,
};
