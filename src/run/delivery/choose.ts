/** Collects the facts that decide between the deliveries. */
import { chooseDelivery, shiftsUsers } from "../../docker/delivery-choice.ts";
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import { findTmpfsRoot } from "../../docker/host-tmpfs.ts";
import type { Env } from "../options.ts";
import { numericOwner } from "../owner.ts";

/** What was chosen, and what the choice has found out on its way. */
export interface Choice {
  readonly kind: DeliveryKind;
  /** Identity of the engine; only for `bind`. */
  readonly engineId: string;
}

/**
 * @param o.asked - `bind` and `volume` are taken as they are
 * @param o.owners - as asked for, of all files
 */
export async function chooseFor(o: {
  readonly engine: Engine;
  readonly env: Env;
  readonly asked: "auto" | DeliveryKind;
  readonly owners: readonly string[];
}): Promise<Choice> {
  const { engine, env, asked, owners } = o;
  const { local } = engine.endpoint;
  // a remote engine is settled without a question
  if (asked === "volume" || (asked === "auto" && !local)) return { kind: "volume", engineId: "" };
  const [info, root] = await Promise.all([engine.info(), findTmpfsRoot(env)]);
  if (asked === "bind") return { kind: "bind", engineId: info.ID };
  const { kind } = chooseDelivery({
    local,
    shiftsUsers: shiftsUsers(info.SecurityOptions),
    root,
    mayChown: owners.every(mayGive),
  });
  return { kind, engineId: info.ID };
}

/** Root may give a file to anybody; others only to themselves, and only if that needs no table. */
function mayGive(owner: string): boolean {
  const uid = process.geteuid?.();
  if (uid === 0) return true;
  const ids = numericOwner(owner);
  return ids !== null && ids.uid === uid && ids.gid === process.getegid?.();
}
