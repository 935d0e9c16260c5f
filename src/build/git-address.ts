/** Git addresses of contexts. Pure. */
import type { BuildRequest } from "./options.ts";

/** As BuildKit tells them: a scheme of git's own, `github.com/…`, or http with `.git`. */
const GIT =
  /^(?:https?:\/\/[^?#]+\.git|(?:git|ssh):\/\/[^?#]+|github\.com\/[^?#]+|[\w-]+@[\w.-]+:[^?#]+)/;

/** True when a context is a git address with a query: `https://…/repo.git?branch=x&subdir=y`. */
export function hasGitQuery({ context, buildContexts = [] }: BuildRequest): boolean {
  const named = buildContexts.map((text) => text.slice(text.indexOf("=") + 1));
  return [context, ...named].some((address) => {
    const [start = ""] = GIT.exec(address) ?? [];
    return start !== "" && address.charAt(start.length) === "?";
  });
}
