/** Collects the facts that decide between the deliveries. */
import { chooseDelivery, SHIFTED, shiftsUsers } from "../../docker/delivery-choice.ts";
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import { findTmpfsRoot, identityOf } from "../../docker/host-tmpfs.ts";
import type { EngineInfo } from "../../docker/types.ts";
import { DockerError } from "../../errors.ts";
import type { Env } from "../options.ts";
import { numericOwner } from "../owner.ts";
import { type Memory, memoryOf } from "./memory.ts";

/** What was chosen, and what the choice has found out on its way. */
export type Choice =
  | { readonly kind: "volume"; readonly memory: Memory }
  | { readonly kind: "bind"; readonly place: BindPlace };

/** Where bound files are, and for whom. */
export interface BindPlace {
  /** Identity of the engine, for the note of the folder. */
  readonly engine: string;
  /** For private folders in this machine's memory; null where there is none. */
  readonly root: string | null;
}

/** What decides. */
export interface ChoiceFacts {
  readonly engine: Engine;
  readonly env: Env;
  /** `bind` and `volume` are taken as they are, or refused. */
  readonly asked: "auto" | DeliveryKind;
  /** As asked for, of all files. */
  readonly owners: readonly string[];
  /** The container's `UsernsMode`. */
  readonly userns: string | undefined;
}

/** @throws {@link DockerError} DELIVERY_FAILED where the files would belong to others inside */
export async function chooseFor(facts: ChoiceFacts): Promise<Choice> {
  const { engine, env, asked, userns } = facts;
  const isVolume = asked === "volume" || (asked === "auto" && !engine.endpoint.local);
  // settled without a question, but for containers that may see other ids than an upload has
  if (isVolume && userns !== "host") return { kind: "volume", memory: memoryOf(engine) };
  const [info, root] = await Promise.all([engine.info(), isVolume ? null : findTmpfsRoot(env)]);
  const kind = isVolume ? "volume" : chooseBetween(facts, info, root);
  if (kind === "bind") return { kind, place: { engine: identityOf(info), root } };
  refuseOtherUsers(info.SecurityOptions, userns);
  return { kind, memory: memoryOf(engine, info.SecurityOptions) };
}

function chooseBetween(facts: ChoiceFacts, info: EngineInfo, root: string | null): DeliveryKind {
  const { engine, asked, owners, userns } = facts;
  const shifts = shiftsUsers(info.SecurityOptions, userns);
  if (asked !== "bind") {
    const mayChown = owners.every(mayGive);
    const { local } = engine.endpoint;
    return chooseDelivery({ local, shiftsUsers: shifts, root, mayChown }).kind;
  }
  if (!shifts) return "bind";
  throw new DockerError("DELIVERY_FAILED", `--delivery bind: ${SHIFTED}`, {
    hint: "use --delivery volume: the program could not read files that are bound",
  });
}

/** An upload has the ids of `userns-remap`, whatever mode its container has (measured). */
function refuseOtherUsers(
  options: EngineInfo["SecurityOptions"],
  userns: string | undefined,
): void {
  if (shiftsUsers(options, userns) === shiftsUsers(options)) return;
  throw new DockerError(
    "DELIVERY_FAILED",
    "--userns host: in a volume, this engine gives files to other users",
    {
      hint: "leave out --userns host, or use --delivery bind on the engine's own machine",
    },
  );
}

/** Root may give a file to anybody; others only to themselves, and only if that needs no table. */
function mayGive(owner: string): boolean {
  const uid = process.geteuid?.();
  if (uid === 0) return true;
  const ids = numericOwner(owner);
  return ids !== null && ids.uid === uid && ids.gid === process.getegid?.();
}
