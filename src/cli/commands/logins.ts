import type { LoginPlaces } from "../../index.ts";
import type { Context } from "../spec.ts";

/** Where a command looks for docker's own logins. */
export function loginPlaces({ env, host: { home, signal } }: Context): LoginPlaces {
  return { env, home, signal };
}
