/** Opens what a build needs of the engine: a session that serves it, and the way to start it. */
import { DockerError } from "../errors.ts";
import { connectControl, type ControlClient } from "../session/control/client.ts";
import type { Session, SessionCarrier } from "../session/session.ts";

/** Answers with which an engine, an authorization plugin or a proxy refuses `/grpc`. */
const REFUSED = new Set([200, 400, 403, 404, 405, 426, 501]);

/** Both connections. */
export interface Connections {
  readonly session: Session;
  /** Null where `/grpc` is refused. */
  readonly control: ControlClient | null;
  close(): Promise<void>;
}

/** Opens both at once: each costs a round trip. @param open - opens the session */
export async function connectBoth(
  engine: SessionCarrier,
  open: () => Promise<Session>,
  signal: AbortSignal | undefined,
): Promise<Connections> {
  const [opened, connected] = await Promise.allSettled([open(), control(engine, signal)]);
  const session = opened.status === "fulfilled" ? opened.value : null;
  const client = connected.status === "fulfilled" ? connected.value : null;
  const close = async (): Promise<void> => {
    await Promise.all([session?.close(), client?.close()]);
  };
  if (session !== null && connected.status === "fulfilled")
    return { session, control: client, close };
  await close();
  throw opened.status === "rejected" ? opened.reason : (connected as PromiseRejectedResult).reason;
}

async function control(
  engine: SessionCarrier,
  signal: AbortSignal | undefined,
): Promise<ControlClient | null> {
  try {
    return await connectControl(engine, signal);
  } catch (error) {
    if (error instanceof DockerError && REFUSED.has(error.status ?? 0)) return null;
    throw error;
  }
}
