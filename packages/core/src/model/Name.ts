/**
 * Names of objects, fields, and what they are mapped to.
 *
 * No query language lets a name be escaped, so names are accepted by pattern
 * only. What passes holds letters, digits, `_` and, in a path, single dots between
 * names: nothing that could end a name early, and nothing that is special to
 * JavaScript, such as `__proto__`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// schemas
// -----------------------------------------------------------------------------

/** The longest name or path, in characters. @category constants @since 0.1.0 */
export const lengthMax = 255

/** Whether a text is one name: a letter, then letters, digits and `_`. @category guards @since 0.1.0 */
export const isName = (text: string): boolean => text.length <= lengthMax && /^[A-Za-z][A-Za-z0-9_]*$/.test(text)

/** Whether a text is one name, or several with dots between them. @category guards @since 0.1.0 */
export const isPath = (text: string): boolean =>
  text.length <= lengthMax && /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*$/.test(text)

/** For example `Custom_Object__c`. @category schemas @since 0.1.0 */
export const Name = Schema.String.check(
  Schema.makeFilter((text) => (isName(text) ? undefined : "no name"), {
    expected: `a name: a letter, then letters, digits and _, at most ${lengthMax} characters`
  })
)

/** For example `Owner.Name`. @category schemas @since 0.1.0 */
export const Path = Schema.String.check(
  Schema.makeFilter((text) => (isPath(text) ? undefined : "no path"), {
    expected: `a field: names of letters, digits and _ with dots between them, at most ${lengthMax} characters`
  })
)

// -----------------------------------------------------------------------------
// lookups
// -----------------------------------------------------------------------------

/**
 * What a path leads to in a record: its own key of that whole name, as flat rows
 * have it, or one key after the other. `undefined` where there is nothing; null
 * below a null, as of a parent that does not exist. Own keys only.
 *
 * @category lookups
 * @since 0.1.0
 */
export const follow = (record: Readonly<Record<string, unknown>>, path: string): unknown => {
  if (Object.hasOwn(record, path)) return record[path]
  if (!path.includes(".")) return undefined
  let value: unknown = record
  for (const name of path.split(".")) {
    if (value === null) return null
    if (typeof value !== "object" || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

/**
 * The names that look most like `name`, best first: at most three, and none that
 * differs by more than half of its letters.
 *
 * @category lookups
 * @since 0.1.0
 */
export const nearest = (name: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const wanted = name.slice(0, 80).toLowerCase()
  return names
    .map((candidate) => ({ candidate, distance: distance(wanted, candidate.slice(0, 80).toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.ceil(wanted.length / 2))
    .toSorted((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** A question to end a message with, or nothing: `" Did you mean Name?"`. @category formatting @since 0.1.0 */
export const hint = (name: string, names: ReadonlyArray<string>): string => {
  const near = nearest(name, names)
  return near.length === 0 ? "" : ` Did you mean ${near.join(", ")}?`
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// Levenshtein: how many letters to insert, delete, or replace.
const distance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[j]! + 1, current[j - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
