import type { Entry, Slot } from "../manifest/model.ts";

/** The secrets of slots, each with the user name that goes with it in a login, if it has one. */
export function usernamesOf(slots: readonly Slot[]): ReadonlyMap<Entry, string | undefined> {
  return new Map(
    slots.flatMap(({ secret, username }) => (secret === undefined ? [] : [[secret, username]])),
  );
}
