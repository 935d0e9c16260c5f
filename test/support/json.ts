/**
 * Parses JSON whose shape is known: written by our own tools, or checked by what the test expects
 * next. The one place that vouches for a shape.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the shape
export function parseJson<T>(text: string): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said above
  return JSON.parse(text) as T;
}
