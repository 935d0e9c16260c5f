/** Collects the facts that decide between the deliveries. */
import { chooseDelivery, SHIFTED, shiftsUsers } from "../../docker/delivery-choice.ts";
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import { findTmpfsRoot, identityOf } from "../../docker/host-tmpfs.ts";
import type { EngineInfo } from "../../docker/types.ts";
import { DockerError } from "../../errors.ts";
import type { Env } from "../options.ts";
import { numericOwner } from "../owner.ts";

/** What was chosen, and what the choice has found out on its way. */
export interface Choice {
  readonly kind: DeliveryKind;
  /** Identity of the engine; only for `bind`. */
  readonly engineId: string;
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
  const { engine, asked, userns } = facts;
  const isVolume = asked === "volume" || (asked === "auto" && !engine.endpoint.local);
  // settled without a question, but for containers that may see other ids than an upload has
  if (isVolume && userns !== "host") return { kind: "volume", engineId: "" };
  const asking = engine.info();
  const kind = isVolume ? "volume" : await chooseBetween(facts, asking);
  const info = await asking;
  if (kind === "volume") refuseOtherUsers(info.SecurityOptions, userns);
  return { kind, engineId: identityOf(info) };
}

async function chooseBetween(
  facts: ChoiceFacts,
  asking: Promise<EngineInfo>,
): Promise<DeliveryKind> {
  const { engine, env, asked, owners, userns } = facts;
  const [info, root] = await Promise.all([asking, findTmpfsRoot(env)]);
  const shifts = shiftsUsers(info.SecurityOptions, userns);
  if (asked !== "bind") {
    const mayChown = owners.every(mayGive);
    return chooseDelivery({ local: engine.endpoint.local, shiftsUsers: shifts, root, mayChown })
      .kind;
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
