/** Which way files go into a container: pure, so that `run` and `doctor` say the same. */

/** `bind`: files in this machine's memory; `volume`: a tmpfs volume that the engine owns. */
export type DeliveryKind = "bind" | "volume";

/** What the choice depends on. */
export interface DeliveryFacts {
  /** The engine is reached by a socket of this machine. */
  readonly local: boolean;
  /** The engine shifts user ids: rootless, or userns-remap. */
  readonly shiftsUsers: boolean;
  /** Folder in memory that we may write, or null. */
  readonly root: string | null;
  /** We may give a file to the owner that was asked for: root may, others only to themselves. */
  readonly mayChown: boolean;
}

/** The choice with its reason, in words for people. */
export interface DeliveryChoice {
  readonly kind: DeliveryKind;
  readonly why: string;
}

/**
 * Chooses `bind` where all facts allow it, because it costs least and survives restarts; `volume`
 * works everywhere else. That the engine really sees our folder is proved later: creating the
 * container fails when it does not.
 */
export function chooseDelivery(facts: DeliveryFacts): DeliveryChoice {
  const obstacle = obstacleOf(facts);
  if (obstacle !== null) return { kind: "volume", why: obstacle };
  return { kind: "bind", why: "the engine is on this machine and can read a private tmpfs folder" };
}

/** First kernel whose tmpfs knows `noswap`: files in a volume of an older one are in ramfs. */
export const NOSWAP_KERNEL = "6.4";

/** Why files of this machine have no owner inside. */
export const SHIFTED = "the engine shifts user ids (rootless or userns-remap)";

/**
 * Tells from `GET /info` whether the user ids in a container are others outside.
 *
 * @param userns - the container's own mode: with `host` it is left out of `userns-remap`
 */
export function shiftsUsers(
  securityOptions: readonly string[] | null | undefined,
  userns = "",
): boolean {
  if (isRootless(securityOptions)) return true;
  return userns !== "host" && isRemapped(securityOptions);
}

/** Tells from `GET /info` whether the engine runs as a user who is not the machine's root. */
export function isRootless(securityOptions: readonly string[] | null | undefined): boolean {
  return (securityOptions ?? []).some((option) => /\bname=rootless\b/.test(option));
}

/** The same of `userns-remap`. */
export function isRemapped(securityOptions: readonly string[] | null | undefined): boolean {
  return (securityOptions ?? []).some((option) => /\bname=userns\b/.test(option));
}

/** Why `bind` can't be used, or null. */
function obstacleOf(facts: DeliveryFacts): string | null {
  if (!facts.local) return "the engine may be on another machine";
  if (facts.shiftsUsers) return SHIFTED;
  if (facts.root === null) return "there is no private tmpfs folder on this machine";
  if (!facts.mayChown) return "only root may give files to another owner";
  return null;
}
