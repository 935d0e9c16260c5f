/** Paths of API calls, escaped. */

/** `/containers/{id}`, or a call under it. */
export function container(id: string, call?: string): string {
  return `/containers/${encodeURIComponent(id)}${call === undefined ? "" : `/${call}`}`;
}

/** A reference keeps its slashes: the engine matches the path before it undoes %2F. */
export function image(ref: string, call?: string): string {
  const path = ref.split("/").map(encodeURIComponent).join("/");
  return `/images/${path}${call === undefined ? "" : `/${call}`}`;
}
