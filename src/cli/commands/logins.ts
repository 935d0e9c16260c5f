import type { LoginPlaces, SlotResult } from "../../index.ts";
import type { Context } from "../spec.ts";

/** Where a command looks for docker's own logins. */
export function loginPlaces({ env, host: { home, signal } }: Context): LoginPlaces {
  return { env, home, signal };
}

/** What was done to a slot, in words. */
export function slotNote({
  host,
  key,
  username,
  replaced,
}: Omit<SlotResult, "keyId" | "file">): string {
  const whose = username === undefined ? "the identity token" : `the login of ${username}`;
  return `${replaced ? "replaced" : "sealed"} ${whose} for ${host} (${key})`;
}
