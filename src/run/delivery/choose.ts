/** Collects the facts that decide between the deliveries. */
import { chooseDelivery, shiftsUsers } from "../../docker/delivery-choice.ts";
import type { DeliveryChoice } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import { findTmpfsRoot } from "../../docker/host-tmpfs.ts";
import type { Env } from "../options.ts";
import { numericOwner } from "../owner.ts";

/** @param owners - as asked for, of all files */
export async function chooseFor(
  engine: Engine,
  env: Env,
  owners: readonly string[],
): Promise<DeliveryChoice> {
  const { local } = engine.endpoint;
  // a remote engine is settled without a question
  if (!local) {
    return chooseDelivery({ local, shiftsUsers: false, root: null, mayChown: false });
  }
  const [info, root] = await Promise.all([engine.info(), findTmpfsRoot(env)]);
  return chooseDelivery({
    local,
    shiftsUsers: shiftsUsers(info.SecurityOptions),
    root,
    mayChown: owners.every(mayGive),
  });
}

/** Root may give a file to anybody; others only to themselves, and only if that needs no table. */
function mayGive(owner: string): boolean {
  const uid = process.geteuid?.();
  if (uid === 0) return true;
  const ids = numericOwner(owner);
  return ids !== null && ids.uid === uid && ids.gid === process.getegid?.();
}
