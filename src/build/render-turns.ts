/**
 * Whose turn it is in the plain view: a step keeps the floor long enough to be read, but none waits
 * for long. The rule and its times are those of BuildKit's own printer, so that logs look alike.
 */

/** No change before the floor was held for about this time, longer the more the holder says. */
const HOLD_MS = 5_000;
/** Nobody waits longer than this. */
const LONGEST_WAIT_MS = 10_000;

/** A step that has something to say. */
export interface Claim {
  /** News since {@link since}. */
  updates: number;
  /** Time of the first of them. */
  since: number;
}

/**
 * @param waiting - those with news; at least one
 * @param holder - who has the floor; null when it is free
 * @returns who gets it now; null when nothing changes
 */
export function nextTurn<T extends Claim>(
  waiting: readonly T[],
  holder: T | null,
  now: number,
): T | null {
  const claims = holder === null || waiting.includes(holder) ? waiting : [...waiting, holder];
  if (holder === null) return busiest(claims, holder, now);
  const overdue = claims.find((claim) => isOverdue(claim, holder, now));
  if (overdue !== undefined) return overdue;
  const total = claims.reduce((sum, claim) => sum + speedOf(claim, now), 0);
  const share = speedOf(holder, now) / total;
  const isOver = HOLD_MS / (1 - share) < now - holder.since;
  return isOver ? busiest(claims, holder, now) : null;
}

function busiest<T extends Claim>(claims: readonly T[], holder: T | null, now: number): T | null {
  const overdue = claims.findLast((claim) => isOverdue(claim, holder, now));
  return overdue ?? claims.toSorted((a, b) => speedOf(b, now) - speedOf(a, now))[0] ?? null;
}

function isOverdue(claim: Claim, holder: Claim | null, now: number): boolean {
  return claim !== holder && now - claim.since > LONGEST_WAIT_MS;
}

/** News per millisecond; at least one millisecond, as a claim of this moment must not outrank all. */
function speedOf(claim: Claim, now: number): number {
  return claim.updates / Math.max(1, now - claim.since);
}
