import type { Entry } from "./model.ts";

/** A piece of a template: text as it is, or the name of another value. */
export type Part = { readonly text: string } | { readonly name: string };

/**
 * Takes a template apart: `${NAME}` is the value of that name, `$${` stands for `${`, and any other
 * `$` for itself.
 *
 * @returns null when a `${` is not closed or holds no name
 */
export function parseTemplate(template: string): Part[] | null {
  const parts: Part[] = [];
  const opening = /\$\$\{|\$\{([^}]*)\}|\$\{/gu;
  let end = 0;
  for (const match of template.matchAll(opening)) {
    const [whole, name] = match;
    parts.push({ text: template.slice(end, match.index) });
    if (whole === "$${") parts.push({ text: "${" });
    else if (name === undefined || name.trim() === "") return null;
    else parts.push({ name: name.trim() });
    end = match.index + whole.length;
  }
  parts.push({ text: template.slice(end) });
  return parts.filter((part) => "name" in part || part.text !== "");
}

/** Names that an entry's template refers to; none where it has no template, or one that is broken. */
export function namesIn({ source }: Pick<Entry, "source">): readonly string[] {
  const parts = source.kind === "template" ? parseTemplate(source.template) : null;
  return (parts ?? []).flatMap((part) => ("name" in part ? [part.name] : []));
}
